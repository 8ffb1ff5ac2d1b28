-- Reads what follows a position; begins the log if there is none.
-- KEYS: head, messages, ids. ARGV: after epoch, after offset, limit, ttl in seconds.
-- Returns the newest message's epoch and offset, and the messages as XRANGE does.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local epoch, offset = head[1], tonumber(head[2])
if not epoch then
  local now = redis.call('TIME')
  epoch, offset = string.format('%.0f', now[1] * 1000000 + now[2]), 0
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', offset)
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[4])
end
if ARGV[1] ~= epoch or ARGV[3] == '0' then
  return {epoch, offset, {}}
end
local first = '(' .. epoch .. '-' .. ARGV[2]
return {epoch, offset, redis.call('XRANGE', KEYS[2], first, '+', 'COUNT', ARGV[3])}
