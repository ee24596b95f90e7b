-- beat tells that a server lives and what it does, and forgets some of those that
-- have not been heard of for too long.
--
-- KEYS   1 servers  2 server info
-- ARGV   1 name  2 ms from now for which it counts as alive  3 what it says
-- Reply  now in ms
local live, info = KEYS[1], KEYS[2]
local clock = now()

local gone = redis.call('ZRANGEBYSCORE', live, '-inf', whole(clock), 'LIMIT', 0, 100)
redis.call('HLEN', info)

if gone[1] then
  redis.call('ZREM', live, unpack(gone))
  redis.call('HDEL', info, unpack(gone))
end
redis.call('ZADD', live, whole(clock + ARGV[2]), ARGV[1])
redis.call('HSET', info, ARGV[1], whole(clock) .. '|' .. ARGV[3])
-- Both go with the last server, but not before one that beats less often.
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return clock
