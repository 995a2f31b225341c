-- Raises the least epoch, ends all older sessions, and keeps a replacement if there is one; refuses a replacement of a
-- stale epoch. ARGV[2]: the last epoch; ARGV[3]: the least from now on; ARGV[4]: the replacement's; then the replacement.
-- Epochs are text that sorts as they do, since numbers here are doubles.
local least = redis.call('GET', least_key)
if not least or least < ARGV[3] then
  least = ARGV[3]
end
if ARGV[4] and (ARGV[4] < least or least == ARGV[2]) then
  return false
end
redis.call('SET', least_key, least)
for _, id in ipairs(present()) do
  if redis.call('HGET', prefix .. id, 'epoch') < least then
    finish(id)
  end
end
if ARGV[4] then
  keep(5)
end
return ended
