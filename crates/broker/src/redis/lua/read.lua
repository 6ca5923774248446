-- Reads a page of history. ARGV: 4 spare base, 5 channel, 6 names_max, 7 age_max, 8 start, now or
-- after, 9 epoch, 10 offset, 11 events_max, 12 bytes_max, 13 thinned, 14 entries looked at,
-- 15 kept_max, 16 kept_for of names without events.

local n, total = guarded()
if not n then return { 'moved' } end
local now = clock()
local limits =
  { names_max = tonumber(ARGV[6]), kept_max = tonumber(ARGV[15]), kept_for = tonumber(ARGV[16]) }
local r, freed = standing(ARGV[5], ARGV[4], limits, now)
local count = 0
if not r.is_new then
  local trimmed_bytes = trimmed(r, now, math.huge, tonumber(ARGV[7]), math.huge)
  noted(r, trimmed_bytes)
  freed, count = freed + (trimmed_bytes or 0), redis.call('XLEN', log)
end
-- A read touches the channel, so that it is not deleted as unused; an hour's precision suffices.
if now - r.used > 3600000 then redis.call('HSET', record, 'used', whole(now)) end
local epoch, oldest = r.base .. tail, r.head - count
local start, cause = oldest, ''
if ARGV[8] == 'now' then
  start = r.head
elseif ARGV[8] == 'after' then
  local offset = tonumber(ARGV[10])
  if ARGV[9] ~= epoch or offset > r.head then
    cause = 'epoch_changed'
  elseif offset < oldest then
    cause = 'retention'
  else
    start = offset
  end
end
local events_max, bytes_max = tonumber(ARGV[11]), tonumber(ARGV[12])
local found, events, bytes, stop, looked = {}, 0, 0, start, 0
local is_full = events_max == 0
while not is_full and stop < r.head and looked < tonumber(ARGV[14]) do
  local page = redis.call('XRANGE', log, whole(stop + 1), '+', 'COUNT', math.min(events_max, 100))
  if #page == 0 then break end
  for _, entry in ipairs(page) do
    local offset, ms = string.match(entry[1], '^(%d+)-(%d+)$')
    local text = entry[2][2]
    local key = ARGV[13] == '1' and replace_of(text)
    local standing = key and redis.call('HGET', newest, key)
    looked = looked + 1
    if not standing or tonumber(standing) <= tonumber(offset) then
      local size = size_of(text, offset, r)
      if events >= events_max or (events > 0 and bytes + size > bytes_max) then
        is_full = true
        break
      end
      events, bytes = events + 1, bytes + size
      found[#found + 1] = offset
      found[#found + 1] = ms
      found[#found + 1] = text
    end
    stop = tonumber(offset)
  end
end
return { 'ok', epoch, whole(start), cause, whole(r.head), r.final and '1' or '0', whole(stop), found,
  whole(total - freed), '',
  r.is_new and redis.call('ZCARD', reads) or '', dropped }
