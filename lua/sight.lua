-- Shared by the scripts that examine a queue: put behind the prelude. The first
-- eight KEYS of each are tasks, pending, scheduled, retrying, completed, failed,
-- cancelled and running.

-- The id of a lease: also of one that is no id.
local function leased(member)
  return string.match(member, '^(.*)|%d+|%d+$') or string.sub(member, 1, 22)
end

-- Where ids stand: for each a text, 'r' if there is a record, then the position
-- in KEYS of each set it is in, and an 8 a lease. The second value has the
-- members of their leases; nil: there are more than most, and none was read.
local function sights(ids, most)
  local texts, members = {}, nil
  for i, id in ipairs(ids) do
    texts[i] = redis.call('HEXISTS', KEYS[1], id) == 1 and 'r' or ''
  end
  for set = 2, 7 do
    for i, score in ipairs(redis.call('ZMSCORE', KEYS[set], unpack(ids))) do
      texts[i] = texts[i] .. (score and set or '')
    end
  end
  if redis.call('ZCARD', KEYS[8]) <= most then
    members = {}
    local turn, foreign = {}, false
    for i, id in ipairs(ids) do
      turn[id] = i
      foreign = foreign or #id ~= 22
    end
    for _, member in ipairs(redis.call('ZRANGE', KEYS[8], 0, -1)) do
      local i = turn[foreign and leased(member) or string.sub(member, 1, 22)]
      if i then
        texts[i] = texts[i] .. '8'
        members[#members + 1] = member
      end
    end
  end
  return texts, members
end
