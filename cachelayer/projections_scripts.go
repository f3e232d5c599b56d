package cachelayer

import (
	"github.com/redis/go-redis/v9"

	"nof0/internal/catalogue"
)

// Beside every projection Redis keeps the fencing token that was given out last
// and the one that was written last, as "ISSUED WRITTEN". Tokens of a projection
// only rise: they follow Redis' clock in microseconds, so that they go on rising
// where the record of them expired, was evicted or was lost in a restart, and
// are one higher than the last where the clock stands or goes back. A write
// whose token is below the written one comes from an older reading of Postgres
// and is dropped. A write whose token is not on record any more may be older or
// not: its claim has run out, and it begins again.
const (
	verdictAgain   = -1 // claim again, read again
	verdictDropped = 0  // a later reading is stored
	verdictStored  = 1
)

// verbOf returns the command that stores elements of a structure.
func verbOf(s catalogue.Structure) string {
	switch s {
	case catalogue.String:
		return "SET"
	case catalogue.Hash:
		return "HSET"
	case catalogue.List:
		return "RPUSH"
	case catalogue.SortedSet:
		return "ZADD"
	default:
		return "" // of no element
	}
}

// projectionScripts are the decisions on projections that Redis takes by itself.
// They are made for each Projections and never change.
type projectionScripts struct {
	// claim returns the next token of KEYS[1], which then holds for ARGV[1] ms.
	claim *redis.Script
	// replace, adopt and appendLast store KEYS[1] for ARGV[3] ms if the token
	// ARGV[1] may, keep the tokens KEYS[2] for ARGV[2] ms more, and return a
	// verdict. replace stores ARGV[5] and on by the command ARGV[4]; adopt stores
	// the list KEYS[3] of ARGV[4] values; appendLast makes ARGV[5] and on all that
	// comes after ARGV[4], which is one of as many last elements as there are values.
	replace, adopt, appendLast *redis.Script
	// publish adds to the stream KEYS[1], bounded to about ARGV[2] entries, those
	// of ARGV[3] and on, five values each, if the owner KEYS[2] begins with
	// ARGV[1]; else it returns 0.
	publish *redis.Script
}

const fenceLua = `
local state = redis.pcall('GET', KEYS[2])
local issued, written
if type(state) == 'string' then
	issued, written = string.match(state, '^(%d+) (%d+)$')
end
local token = tonumber(ARGV[1])
if not issued or token > tonumber(issued) then
	return -1
end
if tonumber(written) > token then
	return 0
end
local function pass()
	redis.call('SET', KEYS[2], issued .. ' ' .. ARGV[1], 'PX', ARGV[2])
end
`

// unpack takes no more than some thousand values at once; 1000 is even, so that
// it splits no pair.
func newProjectionScripts() projectionScripts {
	return projectionScripts{
		claim: redis.NewScript(`
local now = redis.call('TIME')
local token = now[1] * 1000000 + now[2]
local state = redis.pcall('GET', KEYS[1])
local issued, written
if type(state) == 'string' then
	issued, written = string.match(state, '^(%d+) (%d+)$')
end
if issued then
	token = math.max(token, tonumber(issued) + 1)
end
token = string.format('%.0f', token)
redis.call('SET', KEYS[1], token .. ' ' .. (written or '0'), 'PX', ARGV[1])
return token
`),
		replace: redis.NewScript(fenceLua + `
pass()
redis.call('UNLINK', KEYS[1])
if #ARGV > 4 then
	for first = 5, #ARGV, 1000 do
		redis.call(ARGV[4], KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
	end
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
`),
		adopt: redis.NewScript(`
local staged = redis.call('LLEN', KEYS[3]) == tonumber(ARGV[4])
local verdict = (function()
` + fenceLua + `
	if not staged then
		return -1
	end
	pass()
	redis.call('RENAME', KEYS[3], KEYS[1])
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
	return 1
end)()
redis.call('UNLINK', KEYS[3])
return verdict
`),
		appendLast: redis.NewScript(fenceLua + `
local stored = redis.pcall('LRANGE', KEYS[1], 3 - #ARGV, -1)
local after = 0
while not stored.err and after < #stored and stored[#stored - after] ~= ARGV[4] do
	after = after + 1
end
if after == #stored then
	return -1
end
redis.call('LTRIM', KEYS[1], 0, -1 - after)
redis.call('RPUSH', KEYS[1], unpack(ARGV, 5))
pass()
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`),
		publish: redis.NewScript(`
local owner = ARGV[1] == '' and '' or redis.pcall('GET', KEYS[2])
if type(owner) ~= 'string' or string.sub(owner, 1, #ARGV[1]) ~= ARGV[1] then
	return 0
end
if type(redis.pcall('XLEN', KEYS[1])) ~= 'number' then
	redis.call('UNLINK', KEYS[1])
end
for at = 3, #ARGV, 5 do
	redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*',
		'event_id', ARGV[at], 'sequence', ARGV[at + 1], 'model_id', ARGV[at + 2],
		'competition_id', ARGV[at + 3], 'payload', ARGV[at + 4])
end
return 1
`),
	}
}
