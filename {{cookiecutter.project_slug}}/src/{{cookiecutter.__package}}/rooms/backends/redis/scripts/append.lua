-- Gives a message its position, keeps it, and rings the bell.
-- KEYS: head, messages, ids. ARGV: text, idempotency key, history, how many ids are remembered,
-- ttl in ms, expected epoch, expected offset, channel, text as a JSON string.
-- Returns {epoch, offset, whether it is a duplicate}, or {} if the log lacks what is expected.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local epoch, offset = head[1], tonumber(head[2])
if ARGV[6] ~= '' and (epoch ~= ARGV[6] or offset < tonumber(ARGV[7])) then
  return {}
end
if not epoch then
  local now = redis.call('TIME')
  epoch, offset = string.format('%.0f', now[1] * 1000000 + now[2]), 0
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
if ARGV[2] ~= '' then
  local before = redis.call('ZSCORE', KEYS[3], ARGV[2])
  if before then
    return {epoch, tonumber(before), 1}
  end
end
offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], epoch .. '-' .. offset, 'text', ARGV[1])
if ARGV[2] ~= '' then
  redis.call('ZADD', KEYS[3], offset, ARGV[2])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', offset - ARGV[4])
end
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[5])
end
redis.call('PUBLISH', ARGV[8],
  '{"kind":"entry","epoch":' .. epoch .. ',"offset":' .. offset .. ',"text":' .. ARGV[9] .. '}')
return {epoch, offset, 0}
