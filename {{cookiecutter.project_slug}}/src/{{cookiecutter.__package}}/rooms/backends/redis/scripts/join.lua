-- Lets a connection in.
-- KEYS: leases, connections, counts, version, removed. ARGV: process, connection, user,
-- capacity or '', lease in ms.
-- Returns the new version if it is the user's first, 0 if not, -1 if the room is full.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local function keep()
  redis.call('ZADD', KEYS[1], ms + ARGV[5], ARGV[1])
  for i = 1, 4 do
    redis.call('PEXPIRE', KEYS[i], ARGV[5] * 4)
  end
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then
  keep()
  return 0
end
local first = redis.call('HEXISTS', KEYS[3], ARGV[3]) == 0
if first and ARGV[4] ~= '' and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
  return -1
end
-- Readers ignore further lines, which another release may add.
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1] .. ' ' .. ARGV[3])
redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
if first then
  redis.call('SET', KEYS[4], string.format('%.0f', ms * 1000), 'NX')
  redis.call('INCR', KEYS[4])
end
keep()
return first and redis.call('GET', KEYS[4]) or 0
