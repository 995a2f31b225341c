-- Ends all sessions but ARGV[2].
for _, id in ipairs(present()) do
  if id ~= ARGV[2] then
    finish(id)
  end
end
return ended
