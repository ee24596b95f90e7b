-- find tells where one task of a queue stands.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled  8 progress  9 waited
-- ARGV   1 id  2 for how many ms somebody waits for its end (0: nobody)
-- Reply  {record ('': there is none, or it may go), position of its set in KEYS (0: none,
--        so it is running), its score there, what it reported last ('': none)}
local record = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local progress = redis.call('HGET', KEYS[8], ARGV[1]) or ''
local position, at = 0, '0'
for i = 2, 7 do
  local score = redis.call('ZSCORE', KEYS[i], ARGV[1])
  if score then
    position, at = i, score
  end
end
if position > 4 and tonumber(at) <= now() then
  record = '' -- what the next sweep drops nobody sees any more
end
if record ~= '' and position < 5 and ARGV[2] ~= '0' then
  redis.call('ZADD', KEYS[9], whole(now() + ARGV[2]), ARGV[1])
end
return {record, position, at, progress}
