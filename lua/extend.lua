-- extend makes held leases of one queue last longer, and notes what their tasks
-- report.
--
-- KEYS   1 running  2 cancelling  3 progress
-- ARGV   1 ms a lease lasts from now  2 how many leases, then their members
--        then 2 a report: its position from 1, the progress
-- Reply  the positions of the lost leases, from 1, with commas between, and with
--        a '!' those that are held but whose task is to be cancelled
local running, cancelling, progress = KEYS[1], KEYS[2], KEYS[3]

local members, ids, count = {}, {}, tonumber(ARGV[2])
for i = 1, count do
  members[i] = ARGV[i + 2]
  ids[i] = string.sub(ARGV[i + 2], 1, 22)
end
local scores = redis.call('ZMSCORE', running, unpack(members))
local doomed = {}
if redis.call('EXISTS', cancelling) == 1 then
  doomed = redis.call('HMGET', cancelling, unpack(ids))
end
local expiry = whole(now() + ARGV[1])

local held, reports, said = {}, {}, {}
for i, member in ipairs(members) do
  if scores[i] then
    held[#held + 1] = expiry
    held[#held + 1] = member
  end
  if not scores[i] or doomed[i] then
    said[#said + 1] = i .. (scores[i] and '!' or '')
  end
end
for at = count + 3, #ARGV, 2 do
  local i = tonumber(ARGV[at])
  if scores[i] then
    reports[#reports + 1] = ids[i]
    reports[#reports + 1] = ARGV[at + 1]
  end
end
if held[1] then
  redis.call('ZADD', running, 'XX', unpack(held))
end
if reports[1] then
  redis.call('HSET', progress, unpack(reports))
end
return table.concat(said, ',')
