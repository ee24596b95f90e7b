-- extend makes held leases of one queue last longer.
--
-- KEYS   1 running
-- ARGV   1 ms a lease lasts from now, then the members of the leases
-- Reply  the positions of the lost leases, from 1, with commas between
local running = KEYS[1]

local members = {}
for i = 2, #ARGV do
  members[i - 1] = ARGV[i]
end
local scores = redis.call('ZMSCORE', running, unpack(members))
local expiry = whole(now() + ARGV[1])

local held, lost = {}, {}
for i, member in ipairs(members) do
  if scores[i] then
    held[#held + 1] = expiry
    held[#held + 1] = member
  else
    lost[#lost + 1] = i
  end
end
if held[1] then
  redis.call('ZADD', running, 'XX', unpack(held))
end
return table.concat(lost, ',')
