-- plan notes what a schedule does, pauses it or resumes it, if it is known.
--
-- KEYS   1 schedules  2 plans  3 halted
-- ARGV   1 schedule  2 'plan', 'pause' or 'resume'  3 what it does, to plan
-- Reply  1: done, 0: nobody has joined a schedule of that name
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
if ARGV[2] == 'plan' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
elseif ARGV[2] == 'pause' then
  redis.call('SADD', KEYS[3], ARGV[1])
else
  redis.call('SREM', KEYS[3], ARGV[1])
end
return 1
