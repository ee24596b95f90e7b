-- enqueue takes a batch of tasks into one queue, each by itself.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 seq  5 wake  6 reply
--        7 retrying  8 completed  9 failed  10 cancelled  11 locks  12 lapses
--        13 arrivals
-- ARGV   1 call number  2 ms to remember the reply  3 how many tasks
--        then 3 a task: id, its score as a delayed task (due 0: now), record
--        then 7 a task with a lock: its position from 1, digest, mode (s, e, t,
--        d, l or g: see locks.lua), ms For or Quiet, ms Limit or Delay, size,
--        and as a member of another task's record (g only)
-- Reply  the positions, from 1, with commas between, of the tasks that were
--        refused because their id is in use: unless the record there is the same
--        and no attempt of it has been answered for. A position with ':' and an
--        id was refused for that task's lock, one with '=' and an id has taken
--        that task's place or has become its member.
local tasks, pending, scheduled, seq, marker, reply = unpack(KEYS, 1, 6)
local locks, lapses = KEYS[11], KEYS[12]

local repeated = recall(reply, ARGV[1])
if repeated then
  return repeated
end

local ids, count = {}, tonumber(ARGV[3])
for i = 1, count do
  ids[i] = ARGV[3 * i + 1]
end
local stored = redis.call('HMGET', tasks, unpack(ids))
-- As many numbers as could be needed are taken at once; some may be skipped.
local number = redis.call('INCRBY', seq, count) - count
local clock -- read where a task has a due time or a lock
local seen, records, ready, delayed, said = {}, {}, {}, {}, {}
local earliest
local arrived = count
local uniques, values, changed, views, changes = {}, {}, {}, {}, {}
local claim

local function answered(id)
  for i = 7, 10 do
    if redis.call('ZSCORE', KEYS[i], id) then
      return true
    end
  end
  return false
end

local function say(position, mark, id)
  if mark ~= '=' then
    arrived = arrived - 1
  end
  said[#said + 1] = position .. (mark or '') .. (id or '')
end

-- Tasks with a lock, which few batches have: only they pay for what follows. All
-- that the batch changes of them is noted in views and written at the end, so
-- that those of one batch see each other.
if #ARGV > 3 + 3 * count then
  clock = now()
  for at = 3 * count + 4, #ARGV, 7 do
    uniques[tonumber(ARGV[at])] = {
      digest = ARGV[at + 1], mode = ARGV[at + 2], wait = tonumber(ARGV[at + 3]),
      limit = tonumber(ARGV[at + 4]), size = ARGV[at + 5], member = ARGV[at + 6],
    }
  end

  -- Where the holder of a lock stands: nil if it has ended or is gone.
  local function view(id)
    if not views[id] then
      local record = redis.call('HGET', tasks, id)
      local at = {record = record}
      if record then
        at.score = tonumber(redis.call('ZSCORE', pending, id) or '')
        at.set = at.score and pending
        if not at.set then
          at.score = tonumber(redis.call('ZSCORE', scheduled, id) or '')
          at.set = at.score and scheduled
        end
        at.gone = not at.set and answered(id) and not redis.call('ZSCORE', KEYS[7], id)
        at.was = at.set
      end
      views[id] = at
    end
    local at = views[id]
    return at.record and not at.gone and at or nil
  end

  local function put(id, at)
    changes[#changes + 1] = id
    views[id] = at
  end

  local function place(at, due, priority)
    if due > clock then
      at.set, at.score = scheduled, delayed_score(due, priority)
    else
      number = number + 1
      at.set, at.score = pending, pending_score(priority, number)
    end
  end

  -- The newcomer takes the place of a waiting task; due is nil if it is to stay.
  local function replace(id, at, record, priority, due)
    at.record = record
    if at.set == pending then
      at.score = pending_score(priority, at.score % 35184372088832)
    elseif is_parked(at.score) then
      place(at, due or 0, priority)
    else
      at.score = delayed_score(due or math.floor(at.score / 256), priority)
    end
    put(id, at)
  end

  -- A group that was parked has been leased: it takes no more members.
  local function open(at)
    return at and (at.set == pending or at.set == scheduled and not is_parked(at.score))
  end

  local function join(lock, at, u)
    if string.find(at.record, u.member, 1, true) then
      return -- the repeat of a call whose reply was lost
    end
    at.record = at.record .. u.member
    lock[4] = lock[4] + 1
    values[u.digest], changed[u.digest] = lock_value(unpack(lock)), true
    local priority = at.set == scheduled and 255 - at.score % 256
    if priority and (lock[4] >= tonumber(lock[5]) or #at.record >= 1048576) then
      place(at, 0, priority)
    elseif priority then
      at.score = delayed_score(math.min(lock[3] + lock[6], clock + lock[7]), priority)
    end
    put(lock[2], at)
  end

  -- Meets the lock that stands. Returns true if that is all there is to do.
  local function meet(i, u, record, priority)
    local lock = split(values[u.digest])
    local mode, holder = lock[1], lock[2]
    local at = holder and view(holder)
    local waits = at and at.set
    if mode == 't' and tonumber(lock[3]) > clock or mode == 'e' and at or mode == 's' and waits then
      say(i, ':', holder)
    elseif mode == 'd' and waits then
      local due = clock + u.wait
      if u.limit > 0 then
        due = math.min(due, lock[3] + u.limit)
      end
      replace(holder, at, record, priority, due)
      say(i, '=', holder)
    elseif mode == 'l' and at and lock[3] ~= '' and (view(lock[3]) or {}).set then
      replace(lock[3], view(lock[3]), record, priority)
      say(i, '=', lock[3])
    elseif mode == 'l' and waits then
      replace(holder, at, record, priority)
      say(i, '=', holder)
    elseif mode == 'g' and open(at) and tonumber(lock[4]) < tonumber(lock[5]) and #at.record < 1048576 then
      join(lock, at, u)
      say(i, '=', holder)
    else
      return false, mode == 'l' and at and holder
    end
    return true
  end

  -- Takes a task with its lock. It waits for the one that runs, if there is one.
  local function hold(id, u, record, priority, due, running)
    local at, value = {record = record}, lock_value(u.mode, id)
    if running then
      value = lock_value('l', running, id, whole(due))
      due = HELD
    elseif u.mode == 'l' then
      value = lock_value('l', id, '', '0')
    elseif u.mode == 't' then
      value = lock_value('t', id, whole(clock + u.wait))
    elseif u.mode == 'd' then
      value = lock_value('d', id, whole(clock))
      due = math.max(due, clock + u.wait)
    elseif u.mode == 'g' then
      value = lock_value('g', id, whole(clock), '1', u.size, whole(u.limit), whole(u.wait))
      due = clock + u.wait
    end
    place(at, due, priority)
    put(id, at)
    seen[id] = record
    values[u.digest], changed[u.digest] = value, true
  end

  local digests = {}
  for _, u in pairs(uniques) do
    digests[#digests + 1] = u.digest
  end
  for i, value in ipairs(redis.call('HMGET', locks, unpack(digests))) do
    values[digests[i]] = value
  end
  redis.call('ZCARD', lapses)

  function claim(i, id, u, record, priority, due)
    local met, running = meet(i, u, record, priority)
    if not met then
      hold(id, u, record, priority, due, running)
    end
  end
end

local r, p = 1, 1 -- where records and ready go on: asking for their length costs more
for i, id in ipairs(ids) do
  local score, record = tonumber(ARGV[3 * i + 2]), ARGV[3 * i + 3]
  local standing, u = stored[i] or seen[id], uniques[i]
  if score > 255 then
    clock = clock or now()
  end
  if standing then
    local same = standing == record or u and u.mode == 'g' and string.sub(standing, 1, #record) == record
    if not same or answered(id) then
      say(i)
    else
      arrived = arrived - 1
    end
  elseif u then
    claim(i, id, u, record, 255 - score % 256, math.floor(score / 256))
  else
    seen[id] = record
    records[r], records[r + 1] = id, record
    r = r + 2
    if score > 255 and math.floor(score / 256) > clock then
      delayed[#delayed + 1] = score
      delayed[#delayed + 1] = id
      earliest = math.min(earliest or score, score)
    else
      number = number + 1
      ready[p], ready[p + 1] = score % 256 * 35184372088832 + number, id
      p = p + 2
    end
  end
end

local removed = {}
for _, id in ipairs(changes) do
  local at = views[id]
  if not at.noted then
    at.noted = true
    records[#records + 1] = id
    records[#records + 1] = at.record
    local list = at.set == pending and ready or delayed
    list[#list + 1] = at.score
    list[#list + 1] = id
    if at.set == scheduled then
      earliest = math.min(earliest or at.score, at.score)
      if at.was == pending then removed[#removed + 1] = {pending, id} end
    elseif at.was == scheduled then
      removed[#removed + 1] = {scheduled, id}
    end
  end
end

-- Of the keys that are written, those not read so far are checked by their first
-- write: a wrong type shows before anything else is written.
local head = delayed[1] and redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
if ready[1] then
  redis.call('ZADD', pending, unpack(ready))
end
if delayed[1] then
  redis.call('ZADD', scheduled, unpack(delayed))
end
if records[1] then
  redis.call('HSET', tasks, unpack(records))
end
for _, gone in ipairs(removed) do
  redis.call('ZREM', gone[1], gone[2])
end
for digest in pairs(changed) do
  redis.call('HSET', locks, digest, values[digest])
  local lock = split(values[digest])
  if lock[1] == 't' then
    redis.call('ZADD', lapses, lock[3], digest)
  end
end
count_arrivals(KEYS[13], arrived)
local answer = table.concat(said, ',')
remember(reply, ARGV[1], answer, ARGV[2])
-- Blocked servers know the earliest due time, so only an earlier one is news.
if ready[1] or (earliest and (not head[2] or earliest < tonumber(head[2]))) then
  wake(marker)
end
return answer
