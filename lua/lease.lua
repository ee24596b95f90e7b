-- lease hands out tasks of one queue to one worker: first those whose lease has
-- run out, then pending ones in their order. Due tasks are promoted on the way.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 running  6 seq  7 wake
--        8 reply  9 paused  10 cancelling
-- ARGV   1 call number  2 most tasks (1 to 1000)  3 ms a lease lasts
-- Reply  {now in ms, ms until something falls due (-1: nothing will), the
--        positions, from 1, of the leases whose task is to end as cancelled,
--        then 2 a lease: its member, the task's record ('': there is none)}
local tasks, pending, scheduled, retrying, running, seq, marker, reply = unpack(KEYS, 1, 8)
local call, most, lasts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

if redis.call('EXISTS', pending, scheduled, retrying, running) == 0 then
  return {0, -1, ''}
end
-- Seldom is a queue paused, or a running task to be cancelled.
local marked = redis.call('EXISTS', KEYS[9], KEYS[10]) > 0
if marked and redis.call('EXISTS', KEYS[9]) == 1 then
  return {0, -1, ''}
end

local clock = now()

local function answer(members)
  local ids, out = {}, {clock, 0, ''}
  for i, member in ipairs(members) do
    ids[i] = string.sub(member, 1, 22)
  end
  local records = redis.call('HMGET', tasks, unpack(ids))
  for i, member in ipairs(members) do
    out[#out + 1] = member
    out[#out + 1] = records[i] or ''
  end
  if marked then
    local doomed = {}
    for i, keep in ipairs(redis.call('HMGET', KEYS[10], unpack(ids))) do
      if keep then
        doomed[#doomed + 1] = i
      end
    end
    out[3] = table.concat(doomed, ',')
  end
  return out
end

-- The repeat of a call whose reply was lost gets the same leases: those with
-- its token that expire when they were to expire.
local granted = recall(reply, call)
if granted then
  local token, expiry = string.match(granted, '^(%d+)|(%d+)$')
  local members = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', running, expiry, expiry)) do
    if string.match(member, '|(%d+)$') == token and #members < 1000 then
      members[#members + 1] = member
    end
  end
  if members[1] then
    return answer(members)
  end
end

local number = sequence(seq)
local until_next

local function note(due)
  until_next = math.min(until_next or due - clock, due - clock)
end

-- Moves what is due to pending, at most 1000 a call. A rest is due now.
local function promote(key)
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not head[1] then
    return
  end
  local due = math.floor(head[2] / 256)
  if due > clock then
    return note(due)
  end
  local found = redis.call('ZRANGEBYSCORE', key, '-inf', whole(clock * 256 + 255), 'WITHSCORES', 'LIMIT', 0, 1000)
  local ids, ready = {}, {}
  for i = 1, #found, 2 do
    number = number + 1
    ids[#ids + 1] = found[i]
    ready[#ready + 1] = pending_score(255 - found[i + 1] % 256, number)
    ready[#ready + 1] = found[i]
  end
  redis.call('ZCARD', pending)
  redis.call('ZREM', key, unpack(ids))
  redis.call('ZADD', pending, unpack(ready))
end

local before = number
promote(scheduled)
promote(retrying)

-- Checked before written: nothing is taken out of a set until all is read.
local expired, head = {}, redis.call('ZRANGE', running, 0, 0, 'WITHSCORES')
if head[2] and tonumber(head[2]) <= clock then
  expired = redis.call('ZRANGEBYSCORE', running, '-inf', clock, 'LIMIT', 0, most)
elseif head[2] then
  note(tonumber(head[2]))
end
local fresh = {}
if #expired < most then
  fresh = redis.call('ZRANGE', pending, 0, most - #expired - 1)
end
if not expired[1] and not fresh[1] then
  return {clock, math.max(until_next or -1, -1), ''}
end

local token, expiry = number + 1, whole(clock + lasts)
local members, leases = {}, {}
local function lease(id, deliveries)
  local member = id .. '|' .. deliveries .. '|' .. whole(token)
  members[#members + 1] = member
  leases[#leases + 1] = expiry
  leases[#leases + 1] = member
end
for _, member in ipairs(expired) do
  lease(string.sub(member, 1, 22), whole((string.match(member, '|(%d+)|', 23) or 0) + 1))
end
for _, id in ipairs(fresh) do
  lease(id, '1')
end
local out = answer(members)

-- The removals come first: a server out of memory lets a script that has
-- written go on writing.
if expired[1] then
  redis.call('ZREM', running, unpack(expired))
end
if fresh[1] then
  redis.call('ZREM', pending, unpack(fresh))
end
redis.call('SET', seq, whole(token))
redis.call('ZADD', running, unpack(leases))
remember(reply, call, whole(token) .. '|' .. expiry, lasts)
if #members == most and redis.call('EXISTS', pending) == 1 then
  wake(marker)
end
return out
