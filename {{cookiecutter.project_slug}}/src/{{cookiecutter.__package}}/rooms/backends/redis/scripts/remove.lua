-- Takes a user's connections out, and notes that for their processes.
-- KEYS: leases, connections, counts, version, removed. ARGV: user, how long that is noted in ms.
-- Returns the new version, 0 if there were none.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then
  return 0
end
local held = redis.call('HGETALL', KEYS[2])
for i = 1, #held, 2 do
  if string.match(held[i + 1], ' ([^\n]*)') == ARGV[1] then
    redis.call('HDEL', KEYS[2], held[i])
    redis.call('ZADD', KEYS[5], ms, held[i])
  end
end
redis.call('PEXPIRE', KEYS[5], ARGV[2])
return redis.call('INCR', KEYS[4])
