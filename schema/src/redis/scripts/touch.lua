-- Writes down a use of the session ARGV[2]: when it was, when the session ends, and that again in milliseconds. Answers its
-- token.
local key = prefix .. ARGV[2]
local token = redis.call('HGET', key, 'token')
if not token then
  return false
end
redis.call('HSET', key, 'seen', ARGV[3], 'expires', ARGV[4])
redis.call('PEXPIREAT', key, ARGV[5])
stay_until(ARGV[5])
return { token }
