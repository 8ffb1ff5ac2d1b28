-- Reads what follows a position. Who follows the room begins the log, and keeps it.
-- KEYS: head, messages, ids. ARGV: after epoch, after offset, limit, ttl in ms of who follows or
-- '', limit in bytes, but for the first message.
-- Returns the newest message's epoch and offset, and the messages as XRANGE does.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local epoch, offset = head[1], tonumber(head[2])
if not epoch then
  if ARGV[4] == '' then
    return {0, 0, {}}
  end
  local now = redis.call('TIME')
  epoch, offset = string.format('%.0f', now[1] * 1000000 + now[2]), 0
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', offset)
end
if ARGV[4] ~= '' then
  for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, ARGV[4])
  end
end
if ARGV[1] ~= epoch or ARGV[3] == '0' then
  return {epoch, offset, {}}
end
local found, size = {}, 0
local after = '(' .. epoch .. '-' .. ARGV[2]
while #found < tonumber(ARGV[3]) do
  -- One, two, four and so on: messages may be large.
  local count = math.min(ARGV[3] - #found, #found + 1)
  local some = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', count)
  for _, message in ipairs(some) do
    size = size + #message[2][2]
    if size > tonumber(ARGV[5]) and #found > 0 then
      return {epoch, offset, found}
    end
    table.insert(found, message)
    after = '(' .. message[1]
  end
  if #some < count then
    break
  end
end
return {epoch, offset, found}
