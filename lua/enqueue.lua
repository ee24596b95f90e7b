-- enqueue takes a batch of tasks into one queue, each by itself.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 seq  5 wake  6 reply
--        7 retrying  8 completed  9 failed  10 cancelled
-- ARGV   1 call number  2 ms to remember the reply
--        then 4 a task: id, priority, due in ms (0: now), record
-- Reply  the positions of the refused tasks, from 1, with commas between.
--        A task is refused when its id is in use, unless the record there is
--        the same and no attempt of it has been answered for.
local tasks, pending, scheduled, seq, marker, reply = unpack(KEYS, 1, 6)

local repeated = recall(reply, ARGV[1])
if repeated then
  return repeated
end

local ids, first = {}, 3
for at = first, #ARGV, 4 do
  ids[#ids + 1] = ARGV[at]
end
local stored = redis.call('HMGET', tasks, unpack(ids))
local number = sequence(seq)
local clock = now()

local function answered(id)
  for i = 7, 10 do
    if redis.call('ZSCORE', KEYS[i], id) then
      return true
    end
  end
  return false
end

local seen, records, ready, delayed, refused = {}, {}, {}, {}, {}
local earliest
for i, id in ipairs(ids) do
  local at = first + 4 * (i - 1)
  local priority, due, record = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local standing = stored[i] or seen[id]
  if not standing then
    seen[id] = record
    records[#records + 1] = id
    records[#records + 1] = record
    if due > clock then
      delayed[#delayed + 1] = delayed_score(due, priority)
      delayed[#delayed + 1] = id
      earliest = math.min(earliest or due, due)
    else
      number = number + 1
      ready[#ready + 1] = pending_score(priority, number)
      ready[#ready + 1] = id
    end
  elseif standing ~= record or answered(id) then
    refused[#refused + 1] = i
  end
end

-- A key of the wrong type shows here, before anything is written.
local next = delayed[1] and redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
if ready[1] then
  redis.call('ZCARD', pending)
end

local answer = table.concat(refused, ',')
remember(reply, ARGV[1], answer, ARGV[2])
if records[1] then
  redis.call('HSET', tasks, unpack(records))
end
if ready[1] then
  redis.call('SET', seq, whole(number))
  redis.call('ZADD', pending, unpack(ready))
end
if delayed[1] then
  redis.call('ZADD', scheduled, unpack(delayed))
end
-- Blocked servers know the earliest due time, so only an earlier one is news.
if ready[1] or (earliest and (not next[2] or earliest < math.floor(next[2] / 256))) then
  wake(marker)
end
return answer
