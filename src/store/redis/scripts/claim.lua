-- KEYS: the message's name, then the request's and the id's, where ARGV says that it has them.
-- ARGV: token, now, end of the claim, the latest end that a claim can have, life of a claim's key,
--       whether there is a request's name, the end of what a message owns, its life, whether there is
--       an id's name. Times in ms.
-- A message's name holds 'c' (claimed) or 'd' (done), 8 bytes token, 8 bytes without a meaning, and the
-- time until when. A request's holds the 16 bytes that name the message that it was first, and the time
-- until when; an id's those of its last message.
local name = KEYS[1]
local own = string.sub(name, -16)
local now = tonumber(ARGV[2])
local at = 2
local other
if ARGV[6] == '1' then
    local came = redis.call('GET', KEYS[at])
    if not came or tonumber(string.sub(came, 17)) <= now then
        redis.call('SET', KEYS[at], own .. ARGV[7], 'PX', ARGV[8])
    elseif string.sub(came, 1, 16) ~= own then
        other = string.sub(came, 1, 16)
    end
    at = at + 1
end
local held = redis.call('GET', name)
if held then
    local held_until = tonumber(string.sub(held, 18))
    if held_until > now then
        if string.sub(held, 1, 1) == 'd' then
            return {2, 0, ''}
        elseif held_until <= tonumber(ARGV[4]) then
            return {1, held_until, other or ''}
        end
    end
end
if other then
    return {2, 0, other}
end
redis.call('SET', name, 'c' .. ARGV[1] .. '        ' .. ARGV[3], 'PX', ARGV[5])
local other_body = 0
if ARGV[9] == '1' then
    local owner = redis.call('GET', KEYS[at])
    other_body = owner and owner ~= own and 1 or 0
    redis.call('SET', KEYS[at], own, 'PX', ARGV[8])
end
return {0, other_body, ''}
