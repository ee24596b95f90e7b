-- examine tells where ids of one queue stand, all at one moment. It writes
-- nothing.
--
-- KEYS   1 tasks  2 pending  3 scheduled  4 retrying  5 completed  6 failed
--        7 cancelled  8 running
-- ARGV   1 most leases to look through (-1: none)  2 '1': with the records
--        then ids, up to 100, each once
-- Reply  {1 if the leases were looked through, 0 if there are more; then 2 an id:
--        where it stands ('r' if there is a record, the position in KEYS of each
--        set it is in, an 8 a lease: 'r2' is a pending task), its record}
local ids = {}
for at = 3, #ARGV do
  ids[#ids + 1] = ARGV[at]
end
local texts, members = sights(ids, tonumber(ARGV[1]))
local records = ARGV[2] == '1' and redis.call('HMGET', KEYS[1], unpack(ids)) or {}
local out = {members and 1 or 0}
for i, text in ipairs(texts) do
  out[#out + 1] = text
  out[#out + 1] = records[i] or ''
end
return out
