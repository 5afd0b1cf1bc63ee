-- KEYS: one or two names of the message, then perhaps its id.
-- ARGV: number of names, token, digest of the body, now, end of the claim, life of a claim's keys,
--       life of the id's key. Times in ms.
-- A name holds 'c' (claimed) or 'd' (done), 8 bytes token, 8 bytes digest, and the time until when.
local names = tonumber(ARGV[1])
local in_flight
for i = 1, names do
    local held = redis.call('GET', KEYS[i])
    if held then
        local held_until = tonumber(string.sub(held, 18))
        if held_until > tonumber(ARGV[4]) then
            if string.sub(held, 1, 1) == 'd' then
                return {2, string.sub(held, 10, 17) == ARGV[3] and 0 or 1}
            end
            in_flight = held_until
        end
    end
end
if in_flight then
    return {1, in_flight}
end
for i = 1, names do
    redis.call('SET', KEYS[i], 'c' .. ARGV[2] .. ARGV[3] .. ARGV[5], 'PX', ARGV[6])
end
local other_body = 0
if KEYS[names + 1] then
    local seen = redis.call('GET', KEYS[names + 1])
    other_body = seen and seen ~= ARGV[3] and 1 or 0
    redis.call('SET', KEYS[names + 1], ARGV[3], 'PX', ARGV[7])
end
return {0, other_body}
