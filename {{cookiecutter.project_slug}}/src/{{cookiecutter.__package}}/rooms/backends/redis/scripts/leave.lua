-- Lets a connection out.
-- KEYS: leases, connections, counts, version, removed. ARGV: connection.
-- Returns {version, user} if it was the user's last, else {}.
local held = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
if not held then
  return {}
end
local user = string.match(held, ' ([^\n]*)')
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('HINCRBY', KEYS[3], user, -1) > 0 then
  return {}
end
redis.call('HDEL', KEYS[3], user)
return {redis.call('INCR', KEYS[4]), user}
