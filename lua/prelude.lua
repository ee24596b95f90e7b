-- Shared by every script: it is put in front of each.

-- The server's clock in milliseconds.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A whole number as text: Lua's own conversion keeps 14 digits only.
local function whole(number)
  return string.format('%.0f', number)
end

-- Scores. A pending task is ordered by priority, then by sequence. A delayed
-- one by its due time, and carries its priority in the lowest 8 bits. Both are
-- exact in the 53 bits of a double: for 2^45 tasks, and until the year 3084.
local function pending_score(priority, sequence)
  return (255 - priority) * 35184372088832 + sequence
end

local function delayed_score(due, priority)
  return due * 256 + 255 - priority
end

-- A parked task is due never: PARKED ms after 1970 and the time at which it was
-- parked. The set parked has an entry for it:
--   name \1 255 - priority (3 digits), ms (13), number (4), id | lost deliveries
-- which counts as long as its task stands in scheduled with that time.
local PARKED = 17592186044416

local function is_parked(score)
  local due = math.floor(score / 256)
  return due >= PARKED and due < 2 * PARKED - 1
end

-- The time, the id and the lost deliveries of an entry in parked.
local function parked_entry(member)
  local ms, id, lost = string.match(member, '^[^\1]+\1%d%d%d(%d%d%d%d%d%d%d%d%d%d%d%d%d)%d%d%d%d(.*)|(%d+)$')
  return tonumber(ms), id, tonumber(lost)
end

-- Parts entries in parked: those whose tasks are parked, with their scores, and
-- those that count no more.
local function parked_still(scheduled, members)
  local still, gone, ids = {}, {}, {}
  for i, member in ipairs(members) do
    local _, id = parked_entry(member)
    ids[i] = id or ''
  end
  local scores = ids[1] and redis.call('ZMSCORE', scheduled, unpack(ids)) or {}
  for i, member in ipairs(members) do
    local ms = parked_entry(member)
    if ms and scores[i] and math.floor(scores[i] / 256) == PARKED + ms then
      still[#still + 1] = {member = member, score = tonumber(scores[i])}
    else
      gone[#gone + 1] = member
    end
  end
  return still, gone
end

-- The reply of a caller's last call, if this call repeats it.
local function recall(key, call)
  local remembered = redis.call('GET', key)
  if remembered and string.sub(remembered, 1, #call + 1) == call .. '|' then
    return string.sub(remembered, #call + 2)
  end
  return nil
end

local function remember(key, call, reply, ttl)
  redis.call('SET', key, call .. '|' .. reply, 'PX', ttl)
end

-- Lets one blocked server know that there is something to lease.
local function wake(key)
  redis.call('ZADD', key, 0, 'wake')
end

-- Counts what was enqueued, for the figures of the queue. A counter that is none
-- costs figures, never a task.
local function count_arrivals(key, n)
  if n > 0 then
    redis.pcall('INCRBY', key, n)
  end
end

-- The current sequence number of the queue.
local function sequence(key)
  return assert(tonumber(redis.call('GET', key) or '0'), 'seq is not a number')
end
