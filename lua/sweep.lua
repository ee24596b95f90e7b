-- sweep drops ended tasks of one queue whose retention has passed.
--
-- KEYS   1 tasks  2 completed  3 failed  4 cancelled
-- ARGV   1 most to drop of each set (1 to 1000)
-- Reply  how many were dropped
local tasks = KEYS[1]
local clock, dropped = now(), 0

for i = 2, 4 do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', clock, 'LIMIT', 0, ARGV[1])
  if ids[1] then
    redis.call('HDEL', tasks, unpack(ids))
    redis.call('ZREM', KEYS[i], unpack(ids))
    dropped = dropped + #ids
  end
end
return dropped
