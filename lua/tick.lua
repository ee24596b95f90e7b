-- tick enqueues the task of one tick of a schedule, unless that tick or a later
-- one was taken before. A tick of a halted schedule is taken without its task.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 seq  5 wake  6 reply  7 schedules
--        8 completed  9 failed  10 cancelled  11 halted  12 arrivals
-- ARGV   1 call number  2 ms to remember the reply  3 schedule  4 tick in ms
--        5 '1': not while the task of the last tick has not ended
--        6 id  7 its score as a delayed task (due 0: now)  8 record
-- Reply  {1: enqueued, 0: not; now in ms}
local tasks, pending, scheduled, seq, marker, reply, schedules = unpack(KEYS, 1, 7)
local call, ttl, schedule, tick = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local id, score, record = ARGV[6], tonumber(ARGV[7]), ARGV[8]
local clock = now()

local repeated = recall(reply, call)
if repeated then
  return {tonumber(repeated), clock}
end

local state = redis.call('HGET', schedules, schedule) or (whole(clock) .. '|0|')
local anchor, last, before = string.match(state, '^(%d+)|(%d+)|(.*)$')
if tick <= tonumber(last) then
  return {0, clock}
end

local function ended(other)
  for i = 8, 10 do
    if redis.call('ZSCORE', KEYS[i], other) then
      return true
    end
  end
  return redis.call('HEXISTS', tasks, other) == 0
end
local enqueue = redis.call('HEXISTS', tasks, id) == 0
if ARGV[5] == '1' and before ~= '' and not ended(before) then
  enqueue = false
end
if redis.call('SISMEMBER', KEYS[11], schedule) == 1 then
  enqueue = false
end
local number = sequence(seq)
local next = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
redis.call('ZCARD', pending)

local latest = before
if enqueue then
  latest = id
  redis.call('HSET', tasks, id, record)
  count_arrivals(KEYS[12], 1)
  local due = math.floor(score / 256)
  if due > clock then
    redis.call('ZADD', scheduled, score, id)
  else
    redis.call('SET', seq, whole(number + 1))
    redis.call('ZADD', pending, pending_score(255 - score % 256, number + 1), id)
  end
  if due <= clock or not next[2] or due < math.floor(next[2] / 256) then
    wake(marker)
  end
end
redis.call('HSET', schedules, schedule, anchor .. '|' .. whole(tick) .. '|' .. latest)
remember(reply, call, enqueue and '1' or '0', ttl)
return {enqueue and 1 or 0, clock}
