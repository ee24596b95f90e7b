-- mend repairs one thing in one queue, if it still is as it was seen, or only
-- tells whether it is broken.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled  8 running  9 seq  10 wake  11 locks  12 lapses
--        13 cancelling  14 progress  15 parked
-- ARGV   1 '1': only look  2 most leases to look through  3 operation, then
--        place   id, where it was seen (as examine says it), SHA-1 of the record
--                ('': none), the position of the set it is to be in (2: pending
--                or scheduled, 8: one lease, 0: none), '1' with a new score, due
--                ms, priority, ms to keep, record ('': the same), digest of its
--                lock ('': none)
--        lock    digest, value, what is wrong: bad (no value of a lock), lapse
--                (a throttle without an end), void (its holder is gone), next
--                (who waits for the holder is gone)
--        held    id, SHA-1 of the record, digest: waits for a task that does not
--                know of it
--        parked  id, SHA-1 of the record, name: without an entry in parked
--        entry   member of parked that is none, or whose score is not 0
--        lapse   digest: without a lock
--        cancelling, progress   id: without a task
--        seq     the greatest number that was seen in use
--        wake    member that is no marker
-- Reply  1: it was broken, and is mended unless this was only a look; 0: it is
--        not as it was seen; 2: it is left, because a worker holds the task or
--        there are more leases than can be looked through
local GONE, DONE, LEFT = 0, 1, 2
local tasks, pending, scheduled, running, seq, marker = KEYS[1], KEYS[2], KEYS[3], KEYS[8], KEYS[9], KEYS[10]
local locks, lapses, cancelling, progress = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local looks, most, clock = ARGV[1] == '1', tonumber(ARGV[2]), now()
local operations = {}

local function sha1(id)
  local record = redis.call('HGET', tasks, id)
  return record and redis.sha1hex(record) or ''
end

-- Reports whether a task has ended or is gone.
local function gone(id)
  if redis.call('HEXISTS', tasks, id) == 0 then
    return true
  end
  for set = 5, 7 do
    if redis.call('ZSCORE', KEYS[set], id) then
      return true
    end
  end
  return false
end

local function ready(id, priority)
  local number = sequence(seq) + 1
  redis.call('SET', seq, whole(number))
  redis.call('ZADD', pending, pending_score(priority, number), id)
  wake(marker)
end

-- Puts a task among those that wait: behind the one it waits for, if its lock
-- says so.
local function wait(id, due, priority, lock)
  if lock[1] == 'l' and lock[3] == id then
    due = HELD
  end
  if due <= clock then
    return ready(id, priority)
  end
  redis.call('ZADD', scheduled, delayed_score(due, priority), id)
  wake(marker)
end

-- The one of several leases to stay: the latest.
local function latest(members)
  local best, highest
  for _, member in ipairs(members) do
    local token = tonumber(string.match(member, '|(%d+)$') or 0)
    if not best or token > highest then
      best, highest = member, token
    end
  end
  return best
end

-- A score, also one that is infinite.
local function score_of(key, member)
  local text = redis.call('ZSCORE', key, member)
  return text and (tonumber(text) or math.huge) or 0
end

local function held(members)
  for _, member in ipairs(members) do
    if score_of(running, member) > clock then
      return true
    end
  end
  return false
end

-- Fails, before anything is written, if a key that may be written is not of its
-- type.
local function check()
  sequence(seq)
  redis.call('ZCARD', marker)
  redis.call('ZCARD', pending)
  redis.call('ZCARD', scheduled)
  redis.call('ZCARD', lapses)
  redis.call('HLEN', locks)
  redis.call('HLEN', cancelling)
  redis.call('HLEN', progress)
end

function operations.place(id, seen, was, to, anew, due, priority, keep, record, digest)
  local texts, members = sights({id}, most)
  if not members then
    return LEFT
  elseif texts[1] ~= seen or sha1(id) ~= was then
    return GONE
  end
  to = tonumber(to)
  if to ~= 8 and held(members) then
    return LEFT
  end
  local lock = split(digest ~= '' and redis.call('HGET', locks, digest) or '')
  local stays = anew ~= '1' and string.find(seen, to, 1, true)
  check()
  if looks then
    return DONE
  end

  local best = to == 8 and latest(members)
  for _, member in ipairs(members) do
    if member ~= best then
      redis.call('ZREM', running, member)
    end
  end
  for set = 2, 7 do
    if set ~= to or not stays then
      redis.call('ZREM', KEYS[set], id)
    end
  end
  if record ~= '' then
    redis.call('HSET', tasks, id, record)
  end
  if not stays and to == 8 then
    redis.call('ZADD', running, whole(clock + 60000), best)
  elseif not stays and to == 2 then
    wait(id, tonumber(due), tonumber(priority), lock)
  elseif not stays and to > 2 then
    redis.call('ZADD', KEYS[to], whole(clock + keep), id)
  end
  if to ~= 8 then
    redis.call('HDEL', cancelling, id)
  end
  if to == 0 or to > 4 and to < 8 then
    redis.call('HDEL', progress, id)
  end
  return DONE
end

local broken = {}

function broken.bad()
  return ''
end

function broken.lapse(lock, digest)
  return lock[1] == 't' and not redis.call('ZSCORE', lapses, digest)
end

function broken.void(lock)
  return lock[1] ~= 't' and gone(lock[2])
end

function broken.next(lock)
  return lock[1] == 'l' and lock[3] ~= '' and gone(lock[3])
end

function operations.lock(digest, was, what)
  local lock = split(was)
  if redis.call('HGET', locks, digest) ~= was or not broken[what](lock, digest) then
    return GONE
  end
  check()
  if looks then
    return DONE
  end
  if what == 'bad' then
    redis.call('HDEL', locks, digest)
  elseif what == 'lapse' then
    redis.call('ZADD', lapses, lock[3], digest)
  elseif what == 'next' then
    redis.call('HSET', locks, digest, lock_value('l', lock[2], '', '0'))
  else
    local value, waiting, due = released(was, lock[2])
    local keys = {locks = locks, pending = pending, scheduled = scheduled, seq = seq, wake = marker}
    unhold({digest, value, waiting, due}, keys, clock)
  end
  return DONE
end

function operations.held(id, was, digest)
  local score = score_of(scheduled, id)
  local lock = split(digest ~= '' and redis.call('HGET', locks, digest) or '')
  if score < HELD * 256 or sha1(id) ~= was or lock[1] == 'l' and lock[3] == id then
    return GONE
  end
  check()
  if not looks then
    redis.call('ZREM', scheduled, id)
    ready(id, score < math.huge and 255 - score % 256 or 128)
  end
  return DONE
end

function operations.parked(id, was, name)
  local score = score_of(scheduled, id)
  if not is_parked(score) or sha1(id) ~= was then
    return GONE
  end
  local members = {}
  if name ~= '' then
    members = redis.call('ZRANGEBYLEX', KEYS[15], '[' .. name .. '\1', '(' .. name .. '\2', 'LIMIT', 0, most + 1)
  end
  local number = math.floor(score / 256) - PARKED
  for _, member in ipairs(members) do
    local at, of = parked_entry(member)
    if of == id and at == number then
      return GONE
    end
  end
  if #members > most then
    return LEFT
  end
  check()
  if not looks then
    redis.call('ZREM', scheduled, id)
    ready(id, 255 - score % 256)
  end
  return DONE
end

function operations.entry(member)
  local score = redis.call('ZSCORE', KEYS[15], member)
  local _, id = parked_entry(member)
  if not score or id and score_of(KEYS[15], member) == 0 then
    return GONE
  end
  if not looks and id then
    redis.call('ZADD', KEYS[15], 0, member)
  elseif not looks then
    redis.call('ZREM', KEYS[15], member)
  end
  return DONE
end

function operations.lapse(digest)
  local lock = split(redis.call('HGET', locks, digest) or '')
  if lock[1] == 't' or score_of(lapses, digest) <= clock then
    return GONE
  end
  if not looks then
    redis.call('ZREM', lapses, digest)
  end
  return DONE
end

function operations.cancelling(id)
  local texts, members = sights({id}, most)
  if not members then
    return LEFT
  elseif members[1] or redis.call('HEXISTS', cancelling, id) == 0 then
    return GONE
  end
  if not looks then
    redis.call('HDEL', cancelling, id)
  end
  return DONE
end

function operations.progress(id)
  local texts, members = sights({id}, most)
  local ended = string.find(texts[1], '[567]')
  if not members then
    return LEFT
  elseif texts[1] ~= '' and not ended or redis.call('HEXISTS', progress, id) == 0 then
    return GONE
  end
  if not looks then
    redis.call('HDEL', progress, id)
  end
  return DONE
end

function operations.seq(least)
  local number = tonumber(redis.call('GET', seq) or '0')
  if number and number >= tonumber(least) then
    return GONE
  end
  if not looks then
    redis.call('SET', seq, least)
  end
  return DONE
end

function operations.wake(member)
  if member == 'wake' or not redis.call('ZSCORE', marker, member) then
    return GONE
  end
  if not looks then
    redis.call('ZREM', marker, member)
  end
  return DONE
end

return operations[ARGV[3]](unpack(ARGV, 4))
