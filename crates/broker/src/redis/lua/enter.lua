-- Registers a node, or renews its presence. A fence is valid for one process of the server; another
-- process is trusted once every node that may have seen lost writes has reported.
-- KEYS: 1 server, 2 nodes, 3 reports, 4 index. ARGV: 1 run, 2 node, 3 fence the node knows, 4 the
-- writes it saw under it, 5 the run it knows, 6 a new fence, 7 how long reports are awaited in ms,
-- 8 how long a silent node counts in ms, 9 the pub/sub channel of all nodes.

local server, nodes, reports = KEYS[1], KEYS[2], KEYS[3]
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local s = redis.call('HMGET', server, 'run', 'fence', 'n', 'bytes', 'from', 'before', 'pending',
  'since', 'was')
local run, fence, n = s[1], s[2], tonumber(s[3]) or 0
redis.call('HSET', nodes, ARGV[2], string.format('%.0f', now))

-- Makes the fence valid for this process.
local function settle(held)
  redis.call('HSET', server, 'run', ARGV[1], 'fence', held, 'n', string.format('%.0f', n),
    'from', string.format('%.0f', n), 'before', run or '')
  redis.call('HDEL', server, 'pending', 'since')
  redis.call('DEL', reports)
  if held ~= fence then
    -- A node that knows one of these fences sees that it was replaced by this one.
    redis.call('HSET', server, 'was', ' ' .. (fence or '') .. ' ' .. ARGV[3] .. ' ')
    redis.call('PUBLISH', ARGV[9], 'fence ' .. held)
  end
  local count = redis.call('ZCARD', KEYS[4])
  return { 'ok', held, string.format('%.0f', n), string.format('%.0f', count), s[4] or '0' }
end

if not run then return settle(ARGV[6]) end
local knows, seen = ARGV[3] == fence, tonumber(ARGV[4])
if run == ARGV[1] then
  local is_lost = knows and seen > n
  -- The server was replaced while this node was absent, and its report was not awaited.
  if knows and ARGV[5] ~= run then
    is_lost = is_lost or ARGV[5] ~= s[6] or seen > (tonumber(s[5]) or 0)
  end
  -- The fence does not follow the one the node knows: the server lost the writes after an older state.
  if not knows and ARGV[3] ~= '' then
    is_lost = not string.find(s[9] or '', ' ' .. ARGV[3] .. ' ', 1, true)
  end
  if is_lost then return settle(ARGV[6]) end
  local count = redis.call('ZCARD', KEYS[4])
  return { 'ok', fence, string.format('%.0f', n), string.format('%.0f', count), s[4] or '0' }
end
if ARGV[3] ~= '' and (not knows or seen > n) then return settle(ARGV[6]) end
if s[7] ~= ARGV[1] then
  redis.call('HSET', server, 'pending', ARGV[1], 'since', string.format('%.0f', now))
  redis.call('DEL', reports)
  s[8] = now
end
redis.call('HSET', reports, ARGV[2], '1')
local all = redis.call('HGETALL', nodes)
for at = 1, #all, 2 do
  if now - tonumber(all[at + 1]) > tonumber(ARGV[8]) then
    redis.call('HDEL', nodes, all[at])
  elseif redis.call('HEXISTS', reports, all[at]) == 0 then
    if now - tonumber(s[8]) > tonumber(ARGV[7]) then return settle(ARGV[6]) end
    return { 'wait' }
  end
end
return settle(fence)
