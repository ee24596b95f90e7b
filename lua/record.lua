-- record adds up what a server did in a queue, in a minute and in the ten minutes
-- which that one is in: in all, and by the names of tasks. It adds what was
-- enqueued since anything was recorded there.
--
-- KEYS   1 figures and 2 names of the minute  3 figures and 4 names of the ten
--        minutes  5 reply  6 arrivals
-- ARGV   1 call number  2 ms to remember the reply  3 the minute since 1970
--        4 ms to keep that of the minute  5 ms to keep that of the ten minutes
--        6 most names in one period  7 what there is to add in all
--        then 2 a name of tasks: it, and what there is to add of it
-- Reply  now in ms. If that is in another minute, nothing was added: the caller
--        makes the call again, with the keys of that one.
--
-- What is added, and what is kept, is text such as `completed=3 r12=2 r13=1`.
-- That is a command or two to write, and one to read, where a field for each
-- number would be thirty of each.
local reply, arrivals = KEYS[5], KEYS[6]
local clock = now()
if recall(reply, ARGV[1]) then
  return clock
end
if math.floor(clock / 60000) ~= tonumber(ARGV[3]) then
  return clock
end
local arrived = redis.pcall('GET', arrivals)
local most, total = tonumber(ARGV[6]), ARGV[7]
for i = 1, 3, 2 do -- these fail if something else is there
  redis.call('GET', KEYS[i])
  redis.call('HLEN', KEYS[i + 1])
end

local function sum(kept, more)
  local sums, parts = {}, {}
  for what, n in string.gmatch((kept or '') .. ' ' .. more, '(%w+)=(%d+)') do
    sums[what] = (sums[what] or 0) + n
  end
  for what, n in pairs(sums) do
    parts[#parts + 1] = string.format('%s=%.0f', what, n)
  end
  return table.concat(parts, ' ')
end

local function add_name(names, name, more)
  local kept = redis.call('HGET', names, name)
  if not kept and redis.call('HLEN', names) >= most then
    name = ''
    kept = redis.call('HGET', names, name)
  end
  redis.call('HSET', names, name, sum(kept, more))
end

local function add(figures, names, keep)
  if total ~= '' then
    redis.call('SET', figures, sum(redis.call('GET', figures), total), 'PX', keep)
  end
  for i = 8, #ARGV, 2 do
    add_name(names, ARGV[i], ARGV[i + 1])
  end
  redis.call('PEXPIRE', names, keep)
end

remember(reply, ARGV[1], '', ARGV[2])
if arrived then
  redis.call('DEL', arrivals) -- of whatever type
end
arrived = type(arrived) == 'string' and tonumber(arrived)
if arrived and arrived > 0 and arrived < 9007199254740992 then
  total = total .. ' enqueued=' .. whole(arrived)
end
add(KEYS[1], KEYS[2], ARGV[4])
add(KEYS[3], KEYS[4], ARGV[5])
return clock
