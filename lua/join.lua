-- join tells what is known of a schedule, and anchors it if it is new.
--
-- KEYS   1 schedules
-- ARGV   1 schedule
-- Reply  {now, anchor, last tick (0: none yet)} in ms
local clock = now()
local state = redis.call('HGET', KEYS[1], ARGV[1])
if not state then
  redis.call('HSET', KEYS[1], ARGV[1], whole(clock) .. '|0|')
  return {clock, clock, 0}
end
local anchor, last = string.match(state, '^(%d+)|(%d+)|')
return {clock, tonumber(anchor), tonumber(last)}
