-- find tells where one task of a queue stands.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled
-- ARGV   1 id
-- Reply  {record ('': there is none), position of its set in KEYS (0: none,
--        so it is running), its score there}
local record = redis.call('HGET', KEYS[1], ARGV[1]) or ''
for i = 2, 7 do
  local score = redis.call('ZSCORE', KEYS[i], ARGV[1])
  if score then
    return {record, i, score}
  end
end
return {record, 0, '0'}
