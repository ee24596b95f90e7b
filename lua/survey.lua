-- survey tells how a queue stands, at one moment. It writes nothing.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled  8 running  9 paused  10 dropped
-- ARGV   1 how many of the first pending tasks to return  2 the longest record
--        of one that is returned, in bytes
-- Reply  {now in ms, ms since the first delayed task fell due or the first
--        lease ran out (0: none has), 1 if it is paused or 0, how many members
--        each of the sets 2 to 8 has, dropped as HGETALL has it, the first
--        pending tasks: 2 each, id and record}
local clock = now()
local counts, earliest, heads = {}, clock, {}

for i = 2, 8 do
  counts[i - 1] = redis.call('ZCARD', KEYS[i])
end

local function note(key, unit)
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if head[2] then
    earliest = math.min(earliest, math.floor(head[2] / unit))
  end
end
note(KEYS[3], 256)
note(KEYS[4], 256)
note(KEYS[8], 1)

for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1)) do
  if redis.call('HSTRLEN', KEYS[1], id) <= tonumber(ARGV[2]) then
    heads[#heads + 1] = id
    heads[#heads + 1] = redis.call('HGET', KEYS[1], id) or ''
  end
end
return {
  clock, clock - earliest, redis.call('EXISTS', KEYS[9]), counts, redis.call('HGETALL', KEYS[10]), heads,
}
