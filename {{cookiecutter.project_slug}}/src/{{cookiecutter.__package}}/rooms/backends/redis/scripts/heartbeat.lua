-- Notes that a process lives, and strikes off the connections of those that don't.
-- KEYS: leases, connections, counts, version, removed. ARGV: process, lease in ms,
-- how long a removal is noted in ms.
-- Returns {version, whether this process had been struck off, {user, version...}, {removed...}}.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local lost = redis.call('ZSCORE', KEYS[1], ARGV[1]) and 0 or 1
redis.call('ZADD', KEYS[1], ms + ARGV[2], ARGV[1])
local went = {}
local dead = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ms)) do
  dead[process] = true
  redis.call('ZREM', KEYS[1], process)
end
if next(dead) then
  local held = redis.call('HGETALL', KEYS[2])
  for i = 1, #held, 2 do
    local process, user = string.match(held[i + 1], '^(%S+) ([^\n]*)')
    if dead[process] then
      redis.call('HDEL', KEYS[2], held[i])
      if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then
        redis.call('HDEL', KEYS[3], user)
        table.insert(went, user)
        table.insert(went, redis.call('INCR', KEYS[4]))
      end
    end
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', ms - ARGV[3])
for i = 1, 4 do
  redis.call('PEXPIRE', KEYS[i], ARGV[2] * 4)
end
local version = redis.call('GET', KEYS[4]) or 0
return {version, lost, went, redis.call('ZRANGE', KEYS[5], 0, -1)}
