-- What all scripts begin with. KEYS[1] is a user's least epoch, KEYS[2] the index of the user's sessions, the one that was
-- opened first first. Each session is a hash whose key is ARGV[1] and its id: the hash tag in it is that of the keys above.
local least_key, index, prefix = KEYS[1], KEYS[2], ARGV[1]
-- The tokens of the sessions that this script ended.
local ended = {}

-- Has the index stay as long as the session in it that stays longest.
local function stay_until(ends)
  if redis.call('PEXPIRETIME', index) < tonumber(ends) then
    redis.call('PEXPIREAT', index, ends)
  end
end

-- Keeps the session that ARGV tells from `first` on: its id, its place in the index, its end, and its fields.
local function keep(first)
  local id, place, ends = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  redis.call('HSET', prefix .. id, unpack(ARGV, first + 3))
  redis.call('PEXPIREAT', prefix .. id, ends)
  redis.call('ZADD', index, place, id)
  stay_until(ends)
end

local function finish(id)
  table.insert(ended, redis.call('HGET', prefix .. id, 'token'))
  redis.call('DEL', prefix .. id)
  redis.call('ZREM', index, id)
end

-- The ids of the sessions that are there, the one that was opened first first. Those that have expired leave the index.
local function present()
  local ids = {}
  for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if redis.call('EXISTS', prefix .. id) == 1 then
      table.insert(ids, id)
    else
      redis.call('ZREM', index, id)
    end
  end
  return ids
end

