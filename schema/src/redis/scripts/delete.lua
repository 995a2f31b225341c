-- Ends the session ARGV[2].
if redis.call('EXISTS', prefix .. ARGV[2]) == 0 then
  return false
end
finish(ARGV[2])
return ended
