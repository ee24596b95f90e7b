-- tick enqueues the task of one tick of a schedule, unless that tick or a later
-- one was taken before. A tick of a halted schedule is taken without its task.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 seq  5 wake  6 reply  7 schedules
--        8 completed  9 failed  10 cancelled  11 halted  12 arrivals
--        13 retrying  14 locks  15 lapses
-- ARGV   1 call number  2 ms to remember the reply  3 schedule  4 tick in ms
--        5 '1': not while the task of the last tick has not ended, '2': not
--        while it runs or is due, '0': all the same
--        6 id  7 its score as a delayed task (due 0: now)  8 record
--        9 digest of its lock ('': none)  10 mode (s, e or t: see locks.lua)
--        11 ms For
-- Reply  {1: enqueued, 0: not; now in ms; id for which it was skipped, or ''}
local tasks, pending, scheduled, seq, marker, reply, schedules = unpack(KEYS, 1, 7)
local call, ttl, schedule, tick = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local id, score, record = ARGV[6], tonumber(ARGV[7]), ARGV[8]
local retrying, locks, lapses = unpack(KEYS, 13, 15)
local digest, mode = ARGV[9], ARGV[10]
local clock = now()

local repeated = recall(reply, call)
if repeated then
  local said = split(repeated)
  return {tonumber(said[1]), clock, said[2] or ''}
end

local state = redis.call('HGET', schedules, schedule) or (whole(clock) .. '|0|')
local anchor, last, before = string.match(state, '^(%d+)|(%d+)|(.*)$')
if tick <= tonumber(last) then
  return {0, clock, ''}
end

local function ended(other)
  for i = 8, 10 do
    if redis.call('ZSCORE', KEYS[i], other) then
      return true
    end
  end
  return redis.call('HEXISTS', tasks, other) == 0
end
-- One that waits for a time to come.
local function delayed(other)
  local at = redis.call('ZSCORE', scheduled, other) or redis.call('ZSCORE', retrying, other)
  return at and math.floor(at / 256) > clock and not is_parked(at)
end
-- The holder of the lock, if it keeps the tick's task out.
local function excluded()
  local lock = split(redis.call('HGET', locks, digest))
  local holder = lock[2]
  if lock[1] == 't' then
    return tonumber(lock[3]) > clock and holder
  elseif lock[1] == 'e' or lock[1] == 'l' then
    return not ended(holder) and holder
  end
  local waits = holder and (redis.call('ZSCORE', pending, holder) or redis.call('ZSCORE', scheduled, holder))
  return waits and redis.call('HEXISTS', tasks, holder) == 1 and holder
end

local enqueue, behind = redis.call('HEXISTS', tasks, id) == 0, ''
if redis.call('SISMEMBER', KEYS[11], schedule) == 1 then
  enqueue = false
end
if enqueue and ARGV[5] ~= '0' and before ~= '' and not ended(before) and not (ARGV[5] == '2' and delayed(before)) then
  behind = before
elseif enqueue and digest ~= '' then
  behind = excluded() or ''
  redis.call('ZCARD', lapses)
end
enqueue = enqueue and behind == ''
local number = sequence(seq)
local next = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
redis.call('ZCARD', pending)

local latest = before
if enqueue then
  latest = id
  redis.call('HSET', tasks, id, record)
  count_arrivals(KEYS[12], 1)
  if mode == 't' then
    local till = whole(clock + tonumber(ARGV[11]))
    redis.call('HSET', locks, digest, lock_value(mode, id, till))
    redis.call('ZADD', lapses, till, digest)
  elseif digest ~= '' then
    redis.call('HSET', locks, digest, lock_value(mode, id))
  end
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
remember(reply, call, (enqueue and '1' or '0') .. '|' .. behind, ttl)
return {enqueue and 1 or 0, clock, behind}
