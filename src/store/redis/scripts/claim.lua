-- KEYS: the message's name, then the request's and the id's, where ARGV says that it has them.
-- ARGV: token, digest of the body, now, end of the claim, the latest end that a claim can have, life of
--       a claim's key, whether there is a request's name, its end, its life, whether there is an id's
--       name, its life. Times in ms.
-- A message's name holds 'c' (claimed) or 'd' (done), 8 bytes token, 8 bytes digest, and the time until
-- when; a request's holds the 16 bytes that name the message that it was first, and the time until when.
local name = KEYS[1]
local own = string.sub(name, -16)
local now = tonumber(ARGV[3])
local at = 2
local other
if ARGV[7] == '1' then
    local came = redis.call('GET', KEYS[at])
    if not came or tonumber(string.sub(came, 17)) <= now then
        redis.call('SET', KEYS[at], own .. ARGV[8], 'PX', ARGV[9])
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
        elseif held_until <= tonumber(ARGV[5]) then
            return {1, held_until, other or ''}
        end
    end
end
if other then
    return {2, 0, other}
end
redis.call('SET', name, 'c' .. ARGV[1] .. ARGV[2] .. ARGV[4], 'PX', ARGV[6])
local other_body = 0
if ARGV[10] == '1' then
    local seen = redis.call('GET', KEYS[at])
    other_body = seen and seen ~= ARGV[2] and 1 or 0
    redis.call('SET', KEYS[at], ARGV[2], 'PX', ARGV[11])
end
return {0, other_body, ''}
