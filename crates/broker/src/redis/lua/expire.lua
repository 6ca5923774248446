-- Drops expired events, and the channel if it is empty and was not touched for long.
-- ARGV: 4 channel, 5 age_max, 6 how long it must be untouched, in ms.

if not guarded() then return { 'moved' } end
local r = known()
if not r then
  redis.call('ZREM', index, ARGV[4])
  return { 'ok' }
end
local now = clock()
noted(r, trimmed(r, now, math.huge, tonumber(ARGV[5]), math.huge))
if redis.call('XLEN', log) == 0 and now - r.used > tonumber(ARGV[6]) then
  redis.call('DEL', record, log, newest)
  redis.call('ZREM', index, ARGV[4])
end
return { 'ok' }
