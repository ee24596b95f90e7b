-- oldest tells which tasks of a queue may be those that have waited longest: the
-- first of each priority, and those that are due and not pending yet.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying
-- ARGV   1 at how many priorities to look  2 the longest record to return, in
--        bytes: a longer one is left out
-- Reply  {now in ms; the earliest due time in ms of the scheduled and retrying
--        ones (0: none is due); then for each priority id and record of its first}
local clock = now()
local due = 0
for i = 3, 4 do
  local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  local at = first[2] and math.floor(first[2] / 256)
  if at and at <= clock and (due == 0 or at < due) then
    due = at
  end
end

local found = {clock, due}
local from = 0
for _ = 1, tonumber(ARGV[1]) do
  local first = redis.call('ZRANGEBYSCORE', KEYS[2], whole(from), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[1] then
    break
  end
  if redis.call('HSTRLEN', KEYS[1], first[1]) <= tonumber(ARGV[2]) then
    found[#found + 1] = first[1]
    found[#found + 1] = redis.call('HGET', KEYS[1], first[1]) or ''
  end
  from = (math.floor(first[2] / 35184372088832) + 1) * 35184372088832
end
return found
