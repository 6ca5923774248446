-- Publishes one event: checks fence, idempotency key and limits, appends, trims and announces.
-- KEYS: 6 first answers, 7 their order. ARGV: 4 spare base, 5 channel, 6 channels_max, 7 events_max,
-- 8 age_max, 9 bytes_max, 10 bytes_total_max, 11 window, 12 entry, 13 final, 14 replace,
-- 15 announcements, 16 keys_max, 17 idempotency key, 18 fingerprint of the request,
-- 19 namespace_max.

local n, total = guarded()
if not n then return { 'moved' } end
local now, answers, order, idempotent = clock(), KEYS[6], KEYS[7], ARGV[17] ~= ''

-- First answers expire in the order in which they came, since all last equally long.
local function expired(at_most)
  for _ = 1, at_most do
    local oldest = redis.call('LINDEX', order, 0)
    local ends, name = string.match(oldest or '', '^(%d+) (.*)$')
    if not ends or tonumber(ends) > now then return end
    redis.call('LPOP', order)
    -- The same key may have been used again since its channel was deleted.
    local held = redis.call('HGET', answers, name)
    if held and string.match(held, '^%d+') == ends then redis.call('HDEL', answers, name) end
  end
end

if idempotent then
  local held = redis.call('HGET', answers, ARGV[17])
  local ends, base, offset, hash = string.match(held or '', '^(%d+) (%S+) (%d+) ?(%S*)$')
  if ends and tonumber(ends) > now and base == redis.call('HGET', record, 'base') then
    -- An older release stored answers without a fingerprint.
    if hash ~= '' and hash ~= ARGV[18] then return { 'mismatch' } end
    return { 'ok', base .. tail, offset, whole(n), whole(total), '', '1' }
  end
  local keys_max = tonumber(ARGV[16])
  expired(2)
  if redis.call('LLEN', order) >= keys_max then expired(1000) end
  if redis.call('LLEN', order) >= keys_max then return { 'keys' } end
end
local r, mended_bytes = opened(ARGV[5], ARGV[4], tonumber(ARGV[6]), tonumber(ARGV[19]), now)
if not r then return { mended_bytes } end
total = total - mended_bytes
if r.final then return { 'finished' } end
local events_max, age_max = tonumber(ARGV[7]), tonumber(ARGV[8])
local bytes_max, total_max = tonumber(ARGV[9]), tonumber(ARGV[10])
local epoch, offset = r.base .. tail, whole(r.head + 1)
local size = size_of(ARGV[12], offset, r)
if total + size > total_max then
  local freed = trimmed(r, now, events_max, age_max, bytes_max)
  noted(r, freed)
  total = total - (freed or 0)
  if total + size > total_max then return { 'storage' } end
end
if r.is_new then total = total - made(ARGV[5], r) end
redis.call('XADD', log, offset .. '-' .. whole(now), 'e', ARGV[12])
if ARGV[14] ~= '' then redis.call('HSET', newest, ARGV[14], offset) end
r.bytes, r.old = r.bytes + size, r.old or now
local freed = trimmed(r, now, events_max, age_max, bytes_max) or 0
redis.call('HSET', record, 'head', offset, 'bytes', whole(r.bytes), 'used', whole(now), 'old',
  r.old and whole(r.old) or '', 'kept', redis.call('XLEN', log))
if ARGV[13] == '1' then redis.call('HSET', record, 'final', '1') end
n = n + 1
redis.call('HSET', server, 'n', whole(n), 'bytes', whole(total + size - freed))
if idempotent then
  local ends = whole(now + tonumber(ARGV[11]))
  redis.call('HSET', answers, ARGV[17], table.concat({ ends, r.base, offset, ARGV[18] }, ' '))
  redis.call('RPUSH', order, ends .. ' ' .. ARGV[17])
end
local place = table.concat({ 'p', whole(n), epoch, offset, whole(now), ARGV[5] }, ' ')
redis.call('PUBLISH', ARGV[15], place .. '\n' .. ARGV[12])
return { 'ok', epoch, offset, whole(n), whole(total + size - freed), counted(r) }
