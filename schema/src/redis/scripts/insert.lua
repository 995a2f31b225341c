-- Keeps a session, and ends those that were opened first until no more are left than there may be; refuses one of a stale
-- epoch. ARGV[2]: the last epoch; ARGV[3]: the session's; ARGV[4]: the most sessions; then the session.
local least = redis.call('GET', least_key)
if least and (ARGV[3] < least or least == ARGV[2]) then
  return false
end
local ids = present()
for i = 1, #ids - tonumber(ARGV[4]) + 1 do
  finish(ids[i])
end
keep(5)
return ended
