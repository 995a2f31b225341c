-- The sessions that are there, the one that was opened last first: the fields of each, its id among them.
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', index, 0, -1)) do
  local session = redis.call('HGETALL', prefix .. id)
  if #session > 0 then
    table.insert(session, 'id')
    table.insert(session, id)
    table.insert(found, session)
  end
end
return found
