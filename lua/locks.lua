-- Shared by the scripts that know of locks: put behind the prelude.
--
-- A lock is a field of the hash locks, named by its digest. Its value is, by the
-- mode of its holder,
--   s|id  e|id            until started, until ended
--   t|id|until            throttle: until that ms
--   d|id|first            debounce: when the first came, in ms
--   l|id|next|due         latest: the one that waits for id, and its own due ms
--   g|id|first|count|size|delay|quiet   gather

-- The due time of a task that waits for another one's end: it never comes.
local HELD = 35184372088831

local function split(value)
  local parts = {}
  for part in string.gmatch((value or '') .. '|', '([^|]*)|') do
    parts[#parts + 1] = part
  end
  return parts
end

local function lock_value(...)
  return table.concat({...}, '|')
end

-- What is to be written when a task with that lock has ended or is gone: the new
-- value of the lock (nil: leave it, '': none), and the id and due time of the
-- task that has waited for it.
local function released(value, id)
  local lock = split(value)
  if lock[1] == 'l' and lock[3] == id then
    return lock_value('l', lock[2], '', '0')
  end
  if lock[2] ~= id or lock[1] == 't' then
    return nil
  end
  if lock[1] == 'l' and lock[3] ~= '' then
    return lock_value('l', lock[3], '', '0'), lock[3], tonumber(lock[4])
  end
  return ''
end

-- Writes what released has found: {digest, value, id of the task that has
-- waited, its due time}.
local function unhold(lock, keys, clock)
  if lock[2] == '' then
    redis.call('HDEL', keys.locks, lock[1])
  else
    redis.call('HSET', keys.locks, lock[1], lock[2])
  end
  local id, due = lock[3], lock[4]
  local score = id and redis.call('ZSCORE', keys.scheduled, id)
  if not score or is_parked(score) then
    return
  end
  local priority = 255 - score % 256
  if due > clock then
    redis.call('ZADD', keys.scheduled, delayed_score(due, priority), id)
  else
    local number = sequence(keys.seq) + 1
    redis.call('ZREM', keys.scheduled, id)
    redis.call('SET', keys.seq, whole(number))
    redis.call('ZADD', keys.pending, pending_score(priority, number), id)
  end
  wake(keys.wake)
end
