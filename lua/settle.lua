-- settle ends leases of one queue, each with what its task becomes.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 running  6 completed
--        7 failed  8 cancelled  9 seq  10 wake  11 reply  12 cancelling
--        13 waited  14 progress  15 locks  16 parked
-- ARGV   1 call number  2 ms to remember the reply  3 channel for news
--        4 how many outcomes
--        then 5 an outcome: member of the lease, status, ms, priority, record
--        ms: how long an ended task is kept (0: not), or a delayed one waits
--        pending: one that was delivered before becomes a lease that nobody holds,
--        which counts one delivery less and runs out after ms
--        parked: instead of ms the name of the task: it waits for a worker that
--        handles it
--        record: replaces the stored one ('': leaves it)
--        then 2 a task with a lock: its position from 1, digest
-- Reply  the positions of the outcomes whose lease is lost, from 1, with
--        commas between
local tasks, pending, running, marker, reply = KEYS[1], KEYS[2], KEYS[5], KEYS[10], KEYS[11]
local sets = {
  scheduled = KEYS[3], retrying = KEYS[4],
  completed = KEYS[6], failed = KEYS[7], cancelled = KEYS[8],
}

local repeated = recall(reply, ARGV[1])
if repeated then
  return repeated
end

local members, first, count = {}, 5, tonumber(ARGV[4])
for i = 1, count do
  members[i] = ARGV[first + 5 * (i - 1)]
end
local digests = {}
for at = first + 5 * count, #ARGV, 2 do
  digests[tonumber(ARGV[at])] = ARGV[at + 1]
end
local held = redis.call('ZMSCORE', running, unpack(members))
local clock = now()

local gone, drop, records, ready, lost, unheld = {}, {}, {}, {}, {}, {}
local added = {scheduled = {}, retrying = {}, completed = {}, failed = {}, cancelled = {}}
local seen = {}

-- What others want of the tasks: seldom anything.
local cancelling, waited, progress, locks = KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local keeps, waiters, over, news = {}, {}, {}, {}
local marked = redis.call('EXISTS', cancelling, waited, progress) > 0
if marked then
  local ids = {}
  for i, member in ipairs(members) do
    ids[i] = string.sub(member, 1, 22)
  end
  keeps = redis.call('HMGET', cancelling, unpack(ids))
  waiters = redis.call('ZMSCORE', waited, unpack(ids))
  redis.call('HLEN', progress)
end

-- The outcome that counts: a task that is to be cancelled ends so, and one that
-- somebody waits for stays readable for a minute.
local function decide(i, id, status, ms)
  local keep = keeps[i]
  if keep and status ~= 'completed' then
    status, ms = 'cancelled', tonumber(keep)
  end
  if not added[status] or status == 'scheduled' or status == 'retrying' then
    return status, ms
  end
  over[#over + 1] = id
  if waiters[i] then
    news[#news + 1] = id
    ms = math.max(ms, 60000)
  end
  return status, ms
end

local held_back, values, parks = {}, {}, {}
if next(digests) then
  local names, at = {}, {}
  for i, digest in pairs(digests) do
    names[#names + 1], at[#at + 1] = digest, i
  end
  for n, value in ipairs(redis.call('HMGET', locks, unpack(names))) do
    values[at[n]] = value
  end
end

-- Lets go of the lock of a task that has ended.
local function unlock(i, id)
  local value, waiting, due = released(values[i], id)
  if value then
    held_back[#held_back + 1] = {digests[i], value, waiting, due}
  end
end

local function add(status, score, id)
  local list = added[status]
  list[#list + 1] = score
  list[#list + 1] = id
end

local function release(member, id, ms, priority)
  local deliveries, token = string.match(member, '|(%d+)|(%d+)$', 23)
  if tonumber(deliveries) > 1 then
    unheld[#unheld + 1] = whole(clock + ms)
    unheld[#unheld + 1] = id .. '|' .. whole(deliveries - 1) .. '|' .. token
  else
    -- Sequence 0 puts it before all others of its priority.
    ready[#ready + 1] = pending_score(priority, 0)
    ready[#ready + 1] = id
  end
end

local function park(member, id, name, priority)
  local order = string.format('%03.0f%013.0f%04.0f', 255 - priority, clock, #parks / 2)
  local lost = (string.match(member, '|(%d+)|', 23) or 1) - 1
  parks[#parks + 1] = '0'
  parks[#parks + 1] = name .. '\1' .. order .. id .. '|' .. whole(lost)
  add('scheduled', delayed_score(PARKED + clock, priority), id)
end

local function settle(member, id, status, ms, priority, record, name)
  if status == 'pending' then
    release(member, id, ms, priority)
  elseif status == 'parked' then
    park(member, id, name, priority)
  elseif status == 'scheduled' or status == 'retrying' then
    add(status, delayed_score(clock + ms, priority), id)
  elseif ms > 0 then
    add(status, whole(clock + ms), id)
  else
    drop[#drop + 1] = id
    return
  end
  if record ~= '' then
    records[#records + 1] = id
    records[#records + 1] = record
  end
end

for i, member in ipairs(members) do
  if held[i] and not seen[member] then
    local at = first + 5 * (i - 1)
    seen[member] = true
    gone[#gone + 1] = member
    local id, ends = string.sub(member, 1, 22), #over
    local status, ms = decide(i, id, ARGV[at + 1], tonumber(ARGV[at + 2]))
    settle(member, id, status, ms, tonumber(ARGV[at + 3]), ARGV[at + 4], ARGV[at + 2])
    if #over > ends and digests[i] then
      unlock(i, id)
    end
  else
    lost[#lost + 1] = i
  end
end

-- A key of the wrong type shows here, before anything is written.
for status, list in pairs(added) do
  if list[1] then
    redis.call('ZCARD', sets[status])
  end
end
if ready[1] then
  redis.call('ZCARD', pending)
end
if gone[1] then
  redis.call('HLEN', tasks)
end
if parks[1] then
  redis.call('ZCARD', KEYS[16])
end

-- The removals come first: a server out of memory lets a script that has
-- written go on writing.
if gone[1] then
  redis.call('ZREM', running, unpack(gone))
end
if drop[1] then
  redis.call('HDEL', tasks, unpack(drop))
end
if records[1] then
  redis.call('HSET', tasks, unpack(records))
end
if ready[1] then
  redis.call('ZADD', pending, unpack(ready))
end
if unheld[1] then
  redis.call('ZADD', running, unpack(unheld))
end
if ready[1] or unheld[1] then
  wake(marker)
end
for status, list in pairs(added) do
  if list[1] then
    redis.call('ZADD', sets[status], unpack(list))
  end
end
if parks[1] then
  redis.call('ZADD', KEYS[16], unpack(parks))
  wake(marker)
end
if marked and over[1] then
  redis.call('HDEL', cancelling, unpack(over))
  redis.call('HDEL', progress, unpack(over))
  redis.call('ZREM', waited, unpack(over))
end
for _, id in ipairs(news) do
  redis.call('PUBLISH', ARGV[3], 'ended|' .. id)
end
for _, lock in ipairs(held_back) do
  unhold(lock, {locks = locks, pending = pending, scheduled = KEYS[3], seq = KEYS[9], wake = marker}, clock)
end
-- Blocked servers know the earliest due time, so only an earlier one is news.
for _, status in ipairs({'scheduled', 'retrying'}) do
  local list = added[status]
  local head = list[1] and redis.call('ZRANGE', sets[status], 0, 0)[1]
  for i = 2, #list, 2 do
    if list[i] == head then
      wake(marker)
    end
  end
end

local answer = table.concat(lost, ',')
if gone[1] then
  remember(reply, ARGV[1], answer, ARGV[2])
end
return answer
