-- KEYS: the names of the message.
-- ARGV: 'renew', 'commit' or 'release', token, and for the first two the new end (and the life of a
--       handled message's keys). Times in ms.
-- Returns 0 if the claim is lost.
local change = ARGV[1]
local values = {}
for i = 1, #KEYS do
    local held = redis.call('GET', KEYS[i])
    if not held or string.sub(held, 2, 9) ~= ARGV[2] then
        return 0
    end
    if string.sub(held, 1, 1) == 'd' then
        return change == 'commit' and 1 or 0
    end
    values[i] = held
end
for i = 1, #KEYS do
    local claim = string.sub(values[i], 2, 17)
    if change == 'release' then
        redis.call('DEL', KEYS[i])
    elseif change == 'commit' then
        redis.call('SET', KEYS[i], 'd' .. claim .. ARGV[3], 'PX', ARGV[4])
    else
        local longer = tonumber(ARGV[3]) - tonumber(string.sub(values[i], 18))
        local life = math.max(redis.call('PTTL', KEYS[i]) + longer, 1)
        redis.call('SET', KEYS[i], 'c' .. claim .. ARGV[3], 'PX', string.format('%.0f', life))
    end
end
return 1
