-- servers tells of servers that are alive, page by page.
--
-- KEYS   1 servers  2 server info
-- ARGV   1 cursor ('0' at first)  2 about how many
-- Reply  {cursor for the next page ('0': this was the last); then 3 a server: when
--        it counts as gone in ms, when it was heard of in ms, what it says}
local page = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', ARGV[2])
local found = {page[1]}
local clock = now()
for i = 1, #page[2], 2 do
  local expires = redis.call('ZSCORE', KEYS[1], page[2][i])
  if expires and tonumber(expires) > clock then
    local seen, said = string.match(page[2][i + 1], '^(%d+)|(.*)$')
    found[#found + 1] = whole(tonumber(expires))
    found[#found + 1] = seen
    found[#found + 1] = said
  end
end
return found
