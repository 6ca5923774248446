-- Deletes a channel. ARGV: 4 channel, 5 announcements.

local n, total = guarded()
if not n then return { 'moved' } end
local bytes = redis.call('HGET', record, 'bytes')
if not bytes then return { 'ok', '0', whole(n) } end
redis.call('DEL', record, log, newest)
redis.call('ZREM', index, ARGV[4])
n = n + 1
redis.call('HSET', server, 'n', whole(n), 'bytes', whole(total - tonumber(bytes)))
redis.call('PUBLISH', ARGV[5], table.concat({ 'd', whole(n), ARGV[2], ARGV[4] }, ' '))
return { 'ok', '1', whole(n), whole(total - tonumber(bytes)), whole(redis.call('ZCARD', index)) }
