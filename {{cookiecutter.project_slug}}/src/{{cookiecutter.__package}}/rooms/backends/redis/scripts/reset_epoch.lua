-- Gives a log that lost messages a new epoch, in which the offsets go on.
-- KEYS: head. ARGV: expected epoch, expected offset.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if head[1] == ARGV[1] and tonumber(head[2]) < tonumber(ARGV[2]) then
  local now = redis.call('TIME')
  local epoch = string.format('%.0f', math.max(now[1] * 1000000 + now[2], head[1] + 1))
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', ARGV[2])
end
