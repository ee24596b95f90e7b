-- sweep drops ended tasks of one queue whose retention has passed, or of which
-- there are too many, locks whose owner is gone, and what is left of parked tasks.
--
-- KEYS   1 tasks  2 completed  3 failed  4 cancelled  5 dropped  6 waited
--        7 locks  8 lapses  9 pending  10 scheduled  11 seq  12 wake  13 parked
-- ARGV   1 most to drop of each set (1 to 1000)
--        2 to 4 how many completed, failed and cancelled ones may stay
--        5, 6 where to go on looking at locks, and at parked ('0' at first)
-- Reply  {how many were dropped in all; then, completed, failed and cancelled,
--        how many of them before their time; where to go on looking at locks, and
--        at parked}
local tasks, waited, locks, lapses = KEYS[1], KEYS[6], KEYS[7], KEYS[8]
local clock, most = now(), tonumber(ARGV[1])
local out = {0, 0, 0, 0, ARGV[5], '0'}

local function drop(key, ids)
  if ids[1] then
    redis.call('HDEL', tasks, unpack(ids))
    redis.call('ZREM', key, unpack(ids))
    out[1] = out[1] + #ids
  end
end

for i = 2, 4 do
  drop(KEYS[i], redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', clock, 'LIMIT', 0, most))
  local over = math.min(redis.call('ZCARD', KEYS[i]) - ARGV[i], most)
  if over > 0 then
    drop(KEYS[i], redis.call('ZRANGE', KEYS[i], 0, over - 1))
    redis.call('HINCRBY', KEYS[5], string.match(KEYS[i], '([^:]*)$'), over)
    out[i] = over
  end
end

if redis.call('EXISTS', waited) == 1 then
  redis.call('ZREMRANGEBYSCORE', waited, '-inf', clock)
end

if redis.call('EXISTS', KEYS[13]) == 1 then
  local page, members = redis.call('ZSCAN', KEYS[13], ARGV[6], 'COUNT', 500), {}
  for i = 1, math.min(#page[2], 2000), 2 do
    members[#members + 1] = page[2][i]
  end
  local _, stale = parked_still(KEYS[10], members)
  if stale[1] then
    redis.call('ZREM', KEYS[13], unpack(stale))
  end
  out[6] = page[1]
end

if redis.call('EXISTS', locks) == 0 then
  redis.call('DEL', lapses)
  return out
end
local lapsed = redis.call('ZRANGEBYSCORE', lapses, '-inf', clock, 'LIMIT', 0, most)
for _, digest in ipairs(lapsed) do
  local lock = split(redis.call('HGET', locks, digest) or '')
  if lock[1] == 't' and tonumber(lock[3]) <= clock then
    redis.call('HDEL', locks, digest)
  end
end
if lapsed[1] then
  redis.call('ZREM', lapses, unpack(lapsed))
end

local function gone(id)
  if redis.call('HEXISTS', tasks, id) == 0 then
    return true
  end
  for i = 2, 4 do
    if redis.call('ZSCORE', KEYS[i], id) then
      return true
    end
  end
  return false
end

local keys = {locks = locks, pending = KEYS[9], scheduled = KEYS[10], seq = KEYS[11], wake = KEYS[12]}
local page = redis.call('HSCAN', locks, ARGV[5], 'COUNT', 100)
out[5] = page[1]
for i = 1, math.min(#page[2], 2000), 2 do
  local lock = split(page[2][i + 1])
  if lock[1] ~= 't' and gone(lock[2]) then
    local value, waiting, due = released(page[2][i + 1], lock[2])
    unhold({page[2][i], value, waiting, due}, keys, clock)
  end
end
return out
