-- plan notes what a schedule does, pauses it, resumes it or forgets it, if it is
-- known.
--
-- KEYS   1 schedules  2 plans  3 halted
-- ARGV   1 schedule  2 'plan', 'pause', 'resume' or 'forget'  3 what it does, to
--        plan; the last tick taken in ms (0: none), to forget
-- Reply  1: done, 0: nobody has joined a schedule of that name, or it has ticked
local state = redis.call('HGET', KEYS[1], ARGV[1])
if not state then
  return 0
end
if ARGV[2] == 'plan' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
elseif ARGV[2] == 'pause' then
  redis.call('SADD', KEYS[3], ARGV[1])
elseif ARGV[2] == 'resume' then
  redis.call('SREM', KEYS[3], ARGV[1])
elseif string.match(state, '^%d+|(%d+)|') == ARGV[3] then
  redis.call('HLEN', KEYS[2])
  redis.call('SREM', KEYS[3], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  return 0
end
return 1
