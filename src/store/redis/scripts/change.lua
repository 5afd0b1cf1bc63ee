-- KEYS: the message's name.
-- ARGV: 'renew', 'commit' or 'release', token, and for the first two the new end (and the life of a
--       handled message's key). Times in ms.
-- Returns 0 if the claim is lost.
local change, name = ARGV[1], KEYS[1]
local held = redis.call('GET', name)
if not held or string.sub(held, 2, 9) ~= ARGV[2] then
    return 0
end
if string.sub(held, 1, 1) == 'd' then
    return change == 'commit' and 1 or 0
end
local claim = string.sub(held, 2, 17)
if change == 'release' then
    redis.call('DEL', name)
elseif change == 'commit' then
    redis.call('SET', name, 'd' .. claim .. ARGV[3], 'PX', ARGV[4])
else
    -- A clock that was set back makes no life shorter.
    local longer = math.max(tonumber(ARGV[3]) - tonumber(string.sub(held, 18)), 0)
    local life = redis.call('PTTL', name) + longer
    redis.call('SET', name, 'c' .. claim .. ARGV[3], 'PX', string.format('%.0f', math.max(life, 1)))
end
return 1
