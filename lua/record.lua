-- record adds up what a server did in a queue, in a minute, and what was enqueued
-- since anything was recorded there.
--
-- KEYS   1 figures of that minute  2 reply  3 arrivals
-- ARGV   1 call number  2 ms to remember the reply  3 the minute since 1970
--        4 ms to keep the figures  5 most fields of a minute
--        then 3 a number: what it counts, of which name of tasks, how much to add
-- Reply  now in ms. If that is in another minute, nothing was added: the caller
--        makes the call again, with the key of that one.
local figures, reply, arrivals = KEYS[1], KEYS[2], KEYS[3]
local clock = now()
if recall(reply, ARGV[1]) then
  return clock
end
local minute = tonumber(ARGV[3])
if math.floor(clock / 60000) ~= minute then
  return clock
end
local fields, most = redis.call('HLEN', figures), tonumber(ARGV[5])
local arrived = redis.pcall('GET', arrivals)

remember(reply, ARGV[1], '', ARGV[2])
if arrived then
  redis.call('DEL', arrivals) -- of whatever type
end
arrived = type(arrived) == 'string' and tonumber(arrived)
if arrived and arrived > 0 and arrived < 9007199254740992 then
  redis.call('HINCRBY', figures, 'enqueued:', whole(arrived))
end
for i = 6, #ARGV, 3 do
  local field = ARGV[i] .. ':' .. ARGV[i + 1]
  if fields >= most and redis.call('HEXISTS', figures, field) == 0 then
    field = ARGV[i] .. ':'
  end
  redis.call('HINCRBY', figures, field, ARGV[i + 2])
end
redis.call('PEXPIRE', figures, ARGV[4])
return clock
