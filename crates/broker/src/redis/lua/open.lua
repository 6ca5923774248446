-- Prepended to every script: checks the fence, reads the time and a channel's record, and trims.
-- KEYS: 1 server, 2 index, 3 record, 4 log, 5 newest. ARGV: 1 run, 2 fence, 3 seen.

local server, index, record, log, newest = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tail = '-' .. ARGV[2]

local function whole(number)
  return string.format('%.0f', number)
end

-- Returns the count of writes and the bytes kept; nil if the process of the server or the fence is
-- not the one that the node knows, or if the node has seen more writes than the server has.
local function guarded()
  local s = redis.call('HMGET', server, 'run', 'fence', 'n', 'bytes')
  local n = tonumber(s[3]) or 0
  if s[1] ~= ARGV[1] or s[2] ~= ARGV[2] or n < tonumber(ARGV[3]) then return nil end
  return n, tonumber(s[4]) or 0
end

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- An entry begins with `size final event_len replace_len\n`; its size leaves out epoch and offset.
local function size_of(entry, offset, r)
  return tonumber(string.match(entry, '^(%d+)')) + #r.base + #tail + #offset
end

local function replace_of(entry)
  local event, replace, body = string.match(entry, '^%d+ %d (%d+) (%d+)\n()')
  if replace == '0' then return nil end
  local from = body + tonumber(event)
  return string.sub(entry, from, from + tonumber(replace) - 1)
end

-- Repairs a log from which entries were deleted by hand or evicted: only the newest events without
-- a gap up to the head are still history. Returns the freed bytes.
local function mended(r)
  local count, bytes, old, expected = 0, 0, nil, r.head
  local at, is_whole = '+', true
  while is_whole do
    local page = redis.call('XREVRANGE', log, at, '-', 'COUNT', 64)
    for _, entry in ipairs(page) do
      local offset, ms = string.match(entry[1], '^(%d+)-(%d+)$')
      is_whole = tonumber(offset) == expected
      if not is_whole then break end
      count, bytes, old = count + 1, bytes + size_of(entry[2][2], offset, r), tonumber(ms)
      expected = expected - 1
    end
    -- An offset alone matches every entry id that begins with it.
    at, is_whole = whole(expected), is_whole and #page == 64
  end
  if count == 0 then redis.call('DEL', log) else redis.call('XTRIM', log, 'MAXLEN', count) end
  local freed = r.bytes - bytes
  r.bytes, r.old = bytes, old
  redis.call('HSET', record, 'bytes', whole(bytes), 'old', old and whole(old) or '', 'kept', count)
  redis.call('HINCRBY', server, 'bytes', whole(-freed))
  return freed
end

-- Returns the channel's record and the bytes freed by its repair; nil if there is no record.
local function known()
  local r = redis.call('HMGET', record, 'base', 'head', 'final', 'bytes', 'old', 'used', 'kept')
  if not r[1] then return nil, 0 end
  local kept, channel = tonumber(r[7] or ''), { base = r[1], head = tonumber(r[2]), final = r[3],
    bytes = tonumber(r[4]), old = tonumber(r[5] or ''), used = tonumber(r[6]) }
  if not kept or kept == redis.call('XLEN', log) then return channel, 0 end
  return channel, mended(channel)
end

-- A name without events has no record, only a reserved base for the epoch of its first event. There
-- are at most as many as channels; the least recently read one is dropped. Followed names are kept
-- beyond that for a time that nodes renew, up to `kept_max` names in all.
local reserved, reads = index .. ':reserved', index .. ':reserved:reads'
local dropped = 0

local function reserve(name, spare, limits, now, is_followed)
  local names_max = math.min(limits.names_max, limits.kept_max)
  local base, kept = redis.call('HGET', reserved, name), redis.call('ZSCORE', reads, name)
  local count, gone = redis.call('ZCARD', reads), nil
  if not kept and count >= names_max then
    gone = redis.call('ZRANGEBYSCORE', reads, '-inf', now, 'LIMIT', 0, count - names_max + 1)
    if #gone == 0 and count >= limits.kept_max then
      gone = redis.call('ZRANGE', reads, 0, count - limits.kept_max)
      dropped = dropped + #gone
    end
  else
    gone = redis.call('ZRANGEBYSCORE', reads, '-inf', now - 86400000, 'LIMIT', 0, 100)
  end
  for _, old in ipairs(gone) do
    if old ~= name then
      redis.call('ZREM', reads, old)
      redis.call('HDEL', reserved, old)
    end
  end
  if not base then
    base = spare
    redis.call('HSET', reserved, name, base)
  end
  local till = is_followed and now + limits.kept_for or now
  redis.call('ZADD', reads, whole(math.max(till, tonumber(kept or '0'))), name)
  return { base = base, head = 0, bytes = 0, used = now, is_new = true }
end

-- Opens a channel for reading.
local function standing(name, spare, limits, now, is_followed)
  local r, freed = known()
  return r or reserve(name, spare, limits, now, is_followed), freed
end

-- Opens a channel for publishing. If there may be no more channels, in all or in its namespace,
-- returns nil and which limit it was. The record is created with the first event.
local function opened(name, spare, channels_max, namespace_max, now)
  local r, freed = known()
  if r then return r, freed end
  if redis.call('ZCARD', index) >= channels_max then return nil, 'channels' end
  if namespace_max > 0 then
    local namespace = string.match(name, '^[^:]*')
    -- `;` is the character after `:`.
    local count = redis.call('ZLEXCOUNT', index, '[' .. namespace .. ':', '(' .. namespace .. ';')
    if redis.call('ZSCORE', index, namespace) then count = count + 1 end
    if count >= namespace_max then return nil, 'namespace' end
  end
  local base = redis.call('HGET', reserved, name) or spare
  return { base = base, head = 0, bytes = 0, used = now, is_new = true }, 0
end

-- Creates the record. If an earlier record was deleted by hand, its log may be left: deletes it and
-- returns its bytes.
local function made(name, r)
  local freed, at, page = 0, '-', {}
  repeat
    page = redis.call('XRANGE', log, at, '+', 'COUNT', 64)
    for _, entry in ipairs(page) do
      local offset, ms = string.match(entry[1], '^(%d+)-(%d+)$')
      freed = freed + size_of(entry[2][2], offset, r)
      at = offset .. '-' .. whole(tonumber(ms) + 1)
    end
  until #page < 64
  redis.call('DEL', log, newest)
  if freed > 0 then redis.call('HINCRBY', server, 'bytes', whole(-freed)) end
  redis.call('HDEL', reserved, name)
  redis.call('ZREM', reads, name)
  redis.call('HSET', record, 'base', r.base)
  redis.call('ZADD', index, 0, name)
  return freed
end

-- Drops events beyond the retention, oldest first; returns the freed bytes, or nil if there are none.
local function trimmed(r, now, events_max, age_max, bytes_max)
  local count = redis.call('XLEN', log)
  local is_young = not r.old or now - r.old <= age_max
  if count <= events_max and r.bytes <= bytes_max and is_young then return nil end
  local at, freed, left = '-', 0, count
  r.old = nil
  while left > 0 and not r.old do
    for _, entry in ipairs(redis.call('XRANGE', log, at, '+', 'COUNT', 64)) do
      local offset, ms = string.match(entry[1], '^(%d+)-(%d+)$')
      local is_kept = left <= events_max and r.bytes <= bytes_max and now - tonumber(ms) <= age_max
      if is_kept then
        r.old = tonumber(ms)
        break
      end
      local text = entry[2][2]
      local size, key = size_of(text, offset, r), replace_of(text)
      if key and redis.call('HGET', newest, key) == offset then redis.call('HDEL', newest, key) end
      freed, left, r.bytes = freed + size, left - 1, r.bytes - size
      at = offset .. '-' .. whole(tonumber(ms) + 1)
    end
  end
  if left < count then redis.call('XTRIM', log, 'MAXLEN', left) end
  return freed
end

-- Returns the number of channels if this call created one.
local function counted(r)
  return r.is_new and whole(redis.call('ZCARD', index)) or ''
end

-- Stores what trimming changed.
local function noted(r, freed)
  if not freed then return end
  redis.call('HSET', record, 'bytes', whole(r.bytes), 'old', r.old and whole(r.old) or '',
    'kept', redis.call('XLEN', log))
  if freed > 0 then redis.call('HINCRBY', server, 'bytes', whole(-freed)) end
end
