-- Describes channels by six values each. KEYS: 1 server, 2 index.
-- ARGV: 4 prefix, 5 the minimum of ZRANGEBYLEX, 6 how many; if empty, 5 is the only channel.

local n = guarded()
if not n then return { 'moved' } end
local names = { ARGV[5] }
if ARGV[6] ~= '' then
  names = redis.call('ZRANGEBYLEX', index, ARGV[5], '+', 'LIMIT', 0, ARGV[6])
end
local found = { 'ok' }
for _, name in ipairs(names) do
  local r = redis.call('HMGET', ARGV[4] .. ':record:' .. name, 'base', 'head', 'final', 'bytes')
  if r[1] then
    local events = redis.call('XLEN', ARGV[4] .. ':log:' .. name)
    local values = { name, r[1] .. tail, r[2], whole(events), r[4], r[3] and '1' or '0' }
    for _, value in ipairs(values) do found[#found + 1] = value end
  end
end
return found
