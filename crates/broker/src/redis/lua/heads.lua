-- Where channels that are followed stand: epoch and head of each, in order.
-- KEYS: 1 server, 2 index. ARGV: 4 spare base, 5 prefix, 6 names_max, then the names.

local n = guarded()
if not n then return { 'moved' } end
local now, found = clock(), { 'ok' }
for at = 7, #ARGV do
  record, log = ARGV[5] .. ':record:' .. ARGV[at], ARGV[5] .. ':log:' .. ARGV[at]
  local r = standing(ARGV[at], ARGV[4] .. '-' .. at, tonumber(ARGV[6]), now, true)
  if now - r.used > 3600000 then redis.call('HSET', record, 'used', whole(now)) end
  found[#found + 1] = r.base .. tail
  found[#found + 1] = whole(r.head)
end
return found
