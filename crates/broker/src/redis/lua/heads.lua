-- Reads epoch and head of followed channels, in order; before them, how many epochs are reserved,
-- and how many were dropped now for lack of room.
-- KEYS: 1 server, 2 index. ARGV: 4 spare base, 5 prefix, 6 names_max, 7 kept_max, 8 kept_for, then
-- the names.

local n = guarded()
if not n then return { 'moved' } end
local now, found = clock(), { 'ok', 0, 0 }
local limits =
  { names_max = tonumber(ARGV[6]), kept_max = tonumber(ARGV[7]), kept_for = tonumber(ARGV[8]) }
for at = 9, #ARGV do
  record, log = ARGV[5] .. ':record:' .. ARGV[at], ARGV[5] .. ':log:' .. ARGV[at]
  local r = standing(ARGV[at], ARGV[4] .. '-' .. at, limits, now, true)
  if now - r.used > 3600000 then redis.call('HSET', record, 'used', whole(now)) end
  found[#found + 1] = r.base .. tail
  found[#found + 1] = whole(r.head)
end
found[2], found[3] = redis.call('ZCARD', reads), dropped
return found
