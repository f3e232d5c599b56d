package cachelayer

import "github.com/redis/go-redis/v9"

// A key's generation says whether the value that a load brings may still be
// stored. It is a random token beside the value, made by the first load that
// finds none and shared by all that begin while it is there. Invalidating the
// key deletes the token together with the value, so that every load that began
// before holds a token that no longer exists and never comes back: a later
// load makes a new one, and a token that merely expired is gone just the same.
// A counter would start again after it expired, or was evicted, or was lost with
// a restart, and make an old load valid.

// scripts are the two decisions that Redis takes by itself. They are made for
// each Cache and never change.
type scripts struct {
	// begin returns the generation KEYS[1], which becomes ARGV[1] where there
	// is none, and lets it live for ARGV[2] ms more.
	begin *redis.Script
	// fill stores ARGV[2] under KEYS[1] for ARGV[3] ms and returns 1, if
	// KEYS[2] is still the generation ARGV[1]; else it returns 0.
	fill *redis.Script
}

// Both read the generation with pcall: under its key may be a value of another
// type, which then counts as no generation.
func newScripts() scripts {
	return scripts{
		begin: redis.NewScript(`
local generation = redis.pcall('GET', KEYS[1])
if type(generation) ~= 'string' then
	generation = ARGV[1]
end
redis.call('SET', KEYS[1], generation, 'PX', ARGV[2])
return generation
`),
		fill: redis.NewScript(`
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
	return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`),
	}
}
