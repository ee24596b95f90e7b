-- revise changes tasks of one queue that wait or have ended, and marks running
-- ones to be cancelled.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled  8 seq  9 wake  10 reply  11 cancelling  12 progress
--        13 waited  14 locks
-- ARGV   1 call number  2 ms to remember the reply  3 channel for news
--        then 9 a task: id, from, to, ms, priority, digest, retake, was, record
--        from: position in KEYS of the set it was seen in (0: running)
--        to: as from, 0 to leave it there, -1 to delete it
--        ms: how long it waits, or is kept once cancelled
--        digest: of its lock ('': none); retake: the value it is to have again
--        was: SHA-1 of the record that was seen; record: the new one
-- Reply  the positions of the tasks that were not changed, from 1, with commas
--        between: with a '?' because they are not what was seen any more, with a
--        '-' because they have ended and are kept no longer, with a '!' because
--        they have ended and cannot be cancelled, with ':' and an id because
--        that task holds the lock
local tasks, pending, scheduled, seq, marker, reply = KEYS[1], KEYS[2], KEYS[3], KEYS[8], KEYS[9], KEYS[10]
local cancelling, progress, waited, locks = KEYS[11], KEYS[12], KEYS[13], KEYS[14]

local repeated = recall(reply, ARGV[1])
if repeated then
  return repeated
end

local first = 4
local ids = {}
for at = first, #ARGV, 9 do
  ids[#ids + 1] = ARGV[at]
end
local stored = redis.call('HMGET', tasks, unpack(ids))
local scores = {}
for i = 2, 7 do
  scores[i] = redis.call('ZMSCORE', KEYS[i], unpack(ids))
end
local number = sequence(seq)
local clock = now()
redis.call('HLEN', cancelling)
redis.call('HLEN', progress)
local waiters = {}
if redis.call('EXISTS', waited) == 1 then
  waiters = redis.call('ZMSCORE', waited, unpack(ids))
end

local said, news, woken = {}, {}, false
local removed, added, records, marks, drops, over, freed = {}, {}, {}, {}, {}, {}, {}
local taken = {}

local function push(lists, key, ...)
  local list = lists[key] or {}
  lists[key] = list
  for _, value in ipairs({...}) do
    list[#list + 1] = value
  end
end

local function seen(i, from, was)
  for set = 2, 7 do
    if (set == from) ~= (scores[set][i] and true or false) then
      return false
    end
  end
  return stored[i] and redis.sha1hex(stored[i]) == was
end

-- Who else holds the lock that an ended task would take again.
local function other(digest, id)
  local lock = split(taken[digest] or redis.call('HGET', locks, digest) or '')
  local holder = lock[2]
  if not holder or holder == id or lock[1] == 't' and tonumber(lock[3]) <= clock then
    return nil
  end
  local ended = redis.call('HEXISTS', tasks, holder) == 0
  for set = 5, 7 do
    ended = ended or redis.call('ZSCORE', KEYS[set], holder)
  end
  if ended and lock[1] ~= 't' and not taken[digest] then
    return nil
  end
  return holder
end

local function score(i, from, to, ms, priority)
  local now_at = scores[from][i]
  if to == 0 and from == 2 then
    return pending_score(priority, now_at % 35184372088832)
  elseif to == 0 and from < 5 then
    return delayed_score(math.floor(now_at / 256), priority)
  elseif to == 0 then
    return now_at
  elseif to == 2 then
    number = number + 1
    return pending_score(priority, number)
  elseif to == 3 then
    return delayed_score(clock + ms, priority)
  end
  return whole(clock + ms)
end

local function change(i, id, from, to, ms, priority, digest, record)
  if to == -1 or to == 7 then
    over[#over + 1] = id
    if waiters[i] then
      news[#news + 1] = 'ended|' .. id
      ms = math.max(ms, to == 7 and 60000 or 0)
    end
    if digest ~= '' then
      freed[#freed + 1] = {digest, id}
    end
  end
  local set = to == 0 and from or to
  push(removed, from, id)
  if to == -1 or to == 7 and ms <= 0 then
    drops[#drops + 1] = id
    return
  end
  push(added, set, score(i, from, to, ms, priority), id)
  records[#records + 1] = id
  records[#records + 1] = record
  woken = woken or set == 2 or set == 3
end

local met = {} -- a batch may have a task twice: then the second is not as it was seen
for i, id in ipairs(ids) do
  local at = first + 9 * (i - 1)
  local from, to, ms, priority = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local digest, retake = ARGV[at + 5], ARGV[at + 6]
  local holder = retake ~= '' and other(digest, id)
  if met[id] or not seen(i, from, ARGV[at + 7]) then
    said[#said + 1] = i .. '?'
  elseif from >= 5 and tonumber(scores[from][i]) <= clock then
    said[#said + 1] = i .. '-'
  elseif to == 7 and from >= 5 then
    if from < 7 then
      said[#said + 1] = i .. '!'
    end
  elseif holder then
    said[#said + 1] = i .. ':' .. holder
  elseif from == 0 then
    marks[#marks + 1] = id
    marks[#marks + 1] = whole(ms)
    news[#news + 1] = 'cancel|' .. id
  else
    if retake ~= '' then
      taken[digest] = retake
    end
    change(i, id, from, to, ms, priority, digest, ARGV[at + 8])
  end
  met[id] = true
end

local answer = table.concat(said, ',')
remember(reply, ARGV[1], answer, ARGV[2])
for set, members in pairs(removed) do
  redis.call('ZREM', KEYS[set], unpack(members))
end
if drops[1] then
  redis.call('HDEL', tasks, unpack(drops))
end
if over[1] then
  redis.call('HDEL', progress, unpack(over))
  redis.call('ZREM', waited, unpack(over))
end
if records[1] then
  redis.call('HSET', tasks, unpack(records))
end
redis.call('SET', seq, whole(number))
for set, members in pairs(added) do
  redis.call('ZADD', KEYS[set], unpack(members))
end
if marks[1] then
  redis.call('HSET', cancelling, unpack(marks))
end
for digest, value in pairs(taken) do
  redis.call('HSET', locks, digest, value)
end
for _, lock in ipairs(freed) do
  local value, waiting, due = released(redis.call('HGET', locks, lock[1]), lock[2])
  if value then
    unhold({lock[1], value, waiting, due}, {locks = locks, pending = pending, scheduled = scheduled, seq = seq, wake = marker}, clock)
  end
end
for _, message in ipairs(news) do
  redis.call('PUBLISH', ARGV[3], message)
end
if woken then
  wake(marker)
end
return answer
