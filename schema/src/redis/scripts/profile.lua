-- Keeps what is known of a user unless something newer is. KEYS[1]: the user's profile. ARGV[1]: the version, as text that
-- sorts; ARGV[2]: what is known, which begins with its kind; ARGV[3]: for how long it is kept, in milliseconds.
-- That a user changed (kind 'c') gives way to how it is since.
local known = redis.call('GET', KEYS[1])
if known then
  local version, kind = string.sub(known, 1, 20), string.sub(known, 21, 21)
  if version > ARGV[1] or (version == ARGV[1] and kind ~= 'c') then
    return 0
  end
end
local set = redis.pcall('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
if type(set) == 'table' and set.err then
  redis.call('DEL', KEYS[1]) -- a server that is full keeps nothing older either
  return -1
end
return 1
