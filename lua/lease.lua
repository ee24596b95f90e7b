-- lease hands out tasks of one queue to one worker: first those whose lease has
-- run out, then parked ones that it handles, then pending ones in their order. Due
-- tasks are promoted on the way.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 running  6 seq  7 wake
--        8 reply  9 paused  10 cancelling  11 parked
-- ARGV   1 call number  2 most tasks (1 to 1000)  3 ms a lease lasts
--        4 the number of its deliveries that is a task's last one (0: none is)
--        5 how many of those with their last one are to be had (0 or 1)
--        6 the name after which names are told ('': from the first)
--        then names that the worker handles, of those that were told
-- Reply  {now in ms, ms until something falls due (-1: nothing will), the
--        positions, from 1, of the leases whose task is to end as cancelled, the
--        names of parked tasks, up to 50, in their order,
--        then 2 a lease: its member, the task's record ('': there is none)}
local NAMES, WINDOW = 50, 1000
local tasks, pending, scheduled, retrying, running, seq, marker, reply = unpack(KEYS, 1, 8)
local parked = KEYS[11]
local call, most, lasts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last, allowed = tonumber(ARGV[4]), tonumber(ARGV[5])

if redis.call('EXISTS', pending, scheduled, retrying, running) == 0 then
  return {0, -1, '', {}}
end
-- Seldom is a queue paused, a running task to be cancelled, or one parked.
local marked = redis.call('EXISTS', KEYS[9], KEYS[10], parked) > 0
if marked and redis.call('EXISTS', KEYS[9]) == 1 then
  return {0, -1, '', {}}
end

local clock = now()

-- The names of parked tasks, one command a name.
local function names()
  local found, from = {}, ARGV[6] == '' and '-' or '(' .. ARGV[6] .. '\2'
  while #found < NAMES do
    local first = redis.call('ZRANGEBYLEX', parked, from, '+', 'LIMIT', 0, 1)[1]
    if not first then
      break
    end
    local name = string.match(first, '^[^\1]*')
    found[#found + 1] = name
    from = '(' .. name .. '\2'
  end
  return found
end

local told = marked and names() or {}

local function answer(members)
  local ids, out = {}, {clock, 0, '', told}
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
  if due < PARKED then
    until_next = math.min(until_next or due - clock, due - clock)
  end
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

-- How often a lease that has run out, or a parked task, was handed out.
local function delivered(member)
  return tonumber(string.match(member, '|(%d+)|', 23) or 0)
end

local function lost(entry)
  local _, _, deliveries = parked_entry(entry.member)
  return deliveries
end

-- Up to room of the candidates, without those on their last delivery of which
-- there are no more to be had. The second value tells that there were such.
local function choose(candidates, room, deliveries)
  local chosen, barred = {}, false
  for _, one in ipairs(candidates) do
    if #chosen == room then
      break
    end
    local ends = last > 0 and deliveries(one) + 1 == last
    if ends and allowed == 0 then
      barred = true
    else
      chosen[#chosen + 1] = one
      allowed = ends and allowed - 1 or allowed
    end
  end
  return chosen, barred
end

-- Checked before written: nothing is taken out of a set until all is read.
local function run_out()
  local head = redis.call('ZRANGE', running, 0, 0, 'WITHSCORES')
  if not head[2] then
    return {}
  elseif tonumber(head[2]) > clock then
    note(tonumber(head[2]))
    return {}
  end
  local had = allowed
  local chosen, barred = choose(redis.call('ZRANGEBYSCORE', running, '-inf', clock, 'LIMIT', 0, most), most, delivered)
  if barred then
    allowed = had
    chosen = choose(redis.call('ZRANGEBYSCORE', running, '-inf', clock, 'LIMIT', 0, WINDOW), most, delivered)
    local later = redis.call('ZRANGEBYSCORE', running, '(' .. whole(clock), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    note(tonumber(later[2]) or PARKED)
  end
  return chosen
end

-- Parked tasks of the names that the worker handles, in the order of their
-- priority and of when they were parked: of each name the first that are looked at.
local function unpark(room)
  local found, gone = {}, {}
  local window = allowed == 0 and last > 0 and WINDOW or math.min(room + 100, WINDOW)
  local each = math.floor(window / math.max(#ARGV - 6, 1)) + 1
  for at = 7, room > 0 and #ARGV or 0 do
    local members = redis.call('ZRANGEBYLEX', parked, '[' .. ARGV[at] .. '\1', '(' .. ARGV[at] .. '\2', 'LIMIT', 0, each)
    local still, stale = parked_still(scheduled, members)
    for _, entry in ipairs(still) do
      entry.order = string.format('%03.0f', entry.score % 256) .. string.sub(string.match(entry.member, '\1(.*)$'), 4)
      found[#found + 1] = entry
    end
    for _, member in ipairs(stale) do
      gone[#gone + 1] = member
    end
    if stale[1] and #members == each then
      note(clock) -- there may be more behind
    end
  end
  table.sort(found, function(a, b) return a.order < b.order end)
  local chosen = choose(found, room, lost)
  return chosen, gone, #found > #chosen
end

local expired = run_out()
local known, stale, rest = unpark(most - #expired)
local fresh, taken = {}, #expired + #known
if taken < most then
  fresh = redis.call('ZRANGE', pending, 0, most - taken - 1)
end
if stale[1] then
  redis.call('ZREM', parked, unpack(stale))
end
if taken == 0 and not fresh[1] then
  return {clock, math.max(until_next or -1, -1), '', told}
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
  lease(string.sub(member, 1, 22), whole(delivered(member) + 1))
end
local called, entries = {}, {} -- those that were parked
for i, entry in ipairs(known) do
  local _, id, deliveries = parked_entry(entry.member)
  called[i], entries[i] = id, entry.member
  lease(id, whole(deliveries + 1))
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
if called[1] then
  redis.call('ZREM', scheduled, unpack(called))
  redis.call('ZREM', parked, unpack(entries))
end
if fresh[1] then
  redis.call('ZREM', pending, unpack(fresh))
end
redis.call('SET', seq, whole(token))
redis.call('ZADD', running, unpack(leases))
remember(reply, call, whole(token) .. '|' .. expiry, lasts)
if #members == most and (rest or redis.call('EXISTS', pending) == 1) then
  wake(marker)
end
return out
