-- In front of every script: the fence, the time, a channel's record, and what retention drops.
-- KEYS: 1 server, 2 index, 3 record, 4 log, 5 newest. ARGV: 1 run, 2 fence, 3 seen.

local server, index, record, log, newest = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tail = '-' .. ARGV[2]

local function whole(number)
  return string.format('%.0f', number)
end

-- The count of writes and the bytes kept; nothing where this process of the server, or this fence,
-- is not the one the node knows, or where the node has seen more than the server has.
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

-- A name without events has no record, only the base of the epoch that its first event will have:
-- as many of these as there may be channels, and the least recently read one goes.
local reserved, reads = index .. ':reserved', index .. ':reserved:reads'

local function reserve(name, spare, names_max, now)
  local base = redis.call('HGET', reserved, name)
  if not base then
    base = spare
    redis.call('HSET', reserved, name, base)
  end
  redis.call('ZADD', reads, now, name)
  local over = redis.call('ZCARD', reads) - names_max
  local gone = over > 0 and redis.call('ZRANGE', reads, 0, over - 1)
    or redis.call('ZRANGEBYSCORE', reads, '-inf', now - 86400000, 'LIMIT', 0, 100)
  for _, old in ipairs(gone) do
    redis.call('ZREM', reads, old)
    redis.call('HDEL', reserved, old)
  end
  return { base = base, head = 0, bytes = 0, used = now, is_new = true }
end

local function known()
  local r = redis.call('HMGET', record, 'base', 'head', 'final', 'bytes', 'old', 'used')
  if not r[1] then return nil end
  return { base = r[1], head = tonumber(r[2]), final = r[3], bytes = tonumber(r[4]),
    old = tonumber(r[5] or ''), used = tonumber(r[6]) }
end

-- The channel as it is read.
local function standing(name, spare, names_max, now)
  return known() or reserve(name, spare, names_max, now)
end

-- The channel as it is published to; nothing where there may be no more channels. It is made when
-- its first event is.
local function opened(name, spare, channels_max, now)
  local r = known()
  if r then return r end
  if redis.call('ZCARD', index) >= channels_max then return nil end
  local base = redis.call('HGET', reserved, name) or spare
  return { base = base, head = 0, bytes = 0, used = now, is_new = true }
end

local function made(name, r)
  redis.call('HDEL', reserved, name)
  redis.call('ZREM', reads, name)
  redis.call('HSET', record, 'base', r.base)
  redis.call('ZADD', index, 0, name)
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

-- Drops what is over the limits, oldest first; the bytes that freed, or nothing where none had to.
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

-- How many channels there are, where this call made one more.
local function counted(r)
  return r.is_new and whole(redis.call('ZCARD', index)) or ''
end

-- Writes down what trimming changed.
local function noted(r, freed)
  if not freed then return end
  redis.call('HSET', record, 'bytes', whole(r.bytes), 'old', r.old and whole(r.old) or '')
  if freed > 0 then redis.call('HINCRBY', server, 'bytes', whole(-freed)) end
end
