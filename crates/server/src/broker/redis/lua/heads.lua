-- Where channels stand: epoch and head of each, in order; an empty epoch where there is no room.
-- KEYS: 1 server, 2 index. ARGV: 4 spare base, 5 prefix, 6 channels_max, then the names.

local n = guarded()
if not n then return { 'moved' } end
local now, found = clock(), { 'ok' }
for at = 7, #ARGV do
  record = ARGV[5] .. ':record:' .. ARGV[at]
  local r = opened(ARGV[at], ARGV[4] .. '-' .. at, tonumber(ARGV[6]), now)
  if r and now - r.used > 3600000 then redis.call('HSET', record, 'used', whole(now)) end
  found[#found + 1] = r and r.base .. tail or ''
  found[#found + 1] = r and whole(r.head) or '0'
end
return found
