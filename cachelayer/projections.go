package cachelayer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"nof0/config"
	"nof0/internal/catalogue"
)

// Projections writes the values in Redis that are published anew whenever a fact is
// committed: lists, hashes and sorted sets that others read as they are, and
// the stream of trades. It is safe for concurrent use. Without Redis its methods
// do nothing.
//
// A projection is always replaced as a whole, in one step of Redis, by what the
// caller has read from Postgres after it laid claim to it. So it does not matter
// how often, in which order or in how many processes events are relayed.
type Projections struct {
	rdb     redis.UniversalClient // nil where there is no Redis
	owner   *owner                // nil where there is no Redis
	keys    Keys
	scripts projectionScripts
	// lockTTL is how long a claim holds.
	lockTTL time.Duration
}

// NewProjections makes the writer of the projections on client.
func NewProjections(client *Client, cfg config.Cache) *Projections {
	keys := NewKeys(cfg)
	return &Projections{rdb: client.rdb, owner: client.owner, keys: keys, scripts: newProjectionScripts(), lockTTL: keys.short / 2}
}

// Yields says that processes with other settings write the projections of this
// database: what is published here would be lost, and they publish it.
func (p *Projections) Yields(ctx context.Context) bool {
	return p.rdb != nil && p.owner.elsewhere(ctx, ownerConfig)
}

// none says that there is no Redis to write: none at all, or one that another
// database keeps.
func (p *Projections) none(ctx context.Context) bool {
	return p.rdb == nil || p.owner.elsewhere(ctx, ownerForeign)
}

// rewriteTries bounds how often Rewrite begins anew.
const rewriteTries = 5

// Rewrite replaces the projections under keys by what build puts into the
// Batch. It lays claim to them first: build must read from Postgres after it is
// called. Where somebody laid claim to a projection later and has written it,
// this write of it is dropped, for the other one has seen whatever build has
// seen. Build may leave a projection of keys as it is. It runs again, and must
// begin with a new reading, for those of which the claim ran out or a short way does
// not lead on (see [Append]).
//
// The error is that of build as it is, or ErrUnavailable. Of several projections
// some may then be written and others not; the next Rewrite mends that.
func (p *Projections) Rewrite(ctx context.Context, keys []Key, build func(ctx context.Context, b *Batch) error) error {
	if p.none(ctx) || len(keys) == 0 {
		return nil
	}
	for try := range rewriteTries {
		tokens, err := p.claim(ctx, keys)
		if err == nil {
			err = p.owner.check(ctx)
		}
		if err != nil {
			return err
		}
		b := &Batch{tokens: tokens, whole: try > 0}
		if err := build(ctx, b); err != nil {
			return err
		}
		if keys, err = p.write(ctx, b.writes); err != nil || len(keys) == 0 {
			return err
		}
	}
	return fmt.Errorf("error rewriting %d projections: %w: claims are lost while they are held", len(keys), ErrUnavailable)
}

// claim takes a fencing token for each of the projections, by name.
func (p *Projections) claim(ctx context.Context, keys []Key) (map[string]string, error) {
	tokens := make(map[string]string, len(keys))
	commands := make([]command, 0, len(keys))
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		if _, twice := tokens[key.Name]; twice {
			continue
		}
		tokens[key.Name] = ""
		names = append(names, key.Name)
		commands = append(commands, command{
			script: p.scripts.claim,
			keys:   []string{lockName(key.Name)},
			args:   []any{milliseconds(p.lockTTL)},
		})
	}
	replies, err := p.run(ctx, commands)
	if err != nil {
		return nil, fmt.Errorf("error claiming projections: %w", err)
	}
	for i, reply := range replies {
		token, err := reply.Text()
		if err != nil {
			return nil, fmt.Errorf("error claiming projections: %w", unavailable(err))
		}
		tokens[names[i]] = token
	}
	return tokens, nil
}

// write stores what a batch gathered. The keys are those with which the caller has to
// begin again.
func (p *Projections) write(ctx context.Context, writes []write) (again []Key, err error) {
	commands := make([]command, 0, len(writes))
	for _, w := range writes {
		c, err := p.commandOf(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("error writing projections: %w", err)
		}
		commands = append(commands, c)
	}
	replies, err := p.run(ctx, commands)
	if err != nil {
		return nil, fmt.Errorf("error writing projections: %w", err)
	}
	for i, reply := range replies {
		verdict, err := reply.Int()
		if err != nil {
			return nil, fmt.Errorf("error writing projections: %w", unavailable(err))
		}
		if verdict == verdictAgain {
			again = append(again, writes[i].key)
		}
	}
	return again, nil
}

// commandOf makes the one command that stores a write. The values of a large
// list are brought to Redis before it.
func (p *Projections) commandOf(ctx context.Context, w write) (command, error) {
	head := []any{w.token, milliseconds(p.lockTTL), milliseconds(w.key.TTL)}
	keys := []string{w.key.Name, lockName(w.key.Name)}
	switch {
	case w.appends:
		return command{script: p.scripts.appendLast, keys: keys, args: append(head, w.parts...), size: w.size}, nil
	case w.structure == catalogue.List && w.size > maxPart:
		stage := stageName(w.key.Name, w.token)
		if err := p.stage(ctx, stage, w.parts); err != nil {
			return command{}, err
		}
		return command{script: p.scripts.adopt, keys: append(keys, stage), args: append(head, len(w.parts))}, nil
	default:
		return command{script: p.scripts.replace, keys: keys, args: append(append(head, verbOf(w.structure)), w.parts...), size: w.size}, nil
	}
}

// stage puts together a list under a name of its own, in parts that each fit
// into the time of one command.
func (p *Projections) stage(ctx context.Context, name string, values []any) error {
	for len(values) > 0 {
		n, size := 0, 0
		for n < len(values) && (n == 0 || size < maxPart) {
			size += sizeOf(values[n])
			n++
		}
		part := values[:n]
		values = values[n:]
		_, err := p.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.RPush(ctx, name, part...)
			pipe.PExpire(ctx, name, p.lockTTL)
			return nil
		})
		if err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// maxPart bounds what one command or pipeline brings to Redis, in bytes: all of
// it has to pass within the client's short timeouts.
const maxPart = 256 << 10

// maxPipeline bounds the commands of one pipeline.
const maxPipeline = 512

// command is one run of a script.
type command struct {
	script *redis.Script
	keys   []string
	args   []any
	size   int // of args, in bytes, as far as it matters
}

// run runs commands in their order, several in one round trip, and returns
// their replies. The error is ErrUnavailable.
func (p *Projections) run(ctx context.Context, commands []command) ([]*redis.Cmd, error) {
	replies := make([]*redis.Cmd, 0, len(commands))
	for len(commands) > 0 {
		n, size := 0, 0
		for n < len(commands) && n < maxPipeline && (n == 0 || size+commands[n].size <= maxPart) {
			size += commands[n].size
			n++
		}
		part, err := p.pipeline(ctx, commands[:n])
		if err != nil {
			return nil, err
		}
		replies = append(replies, part...)
		commands = commands[n:]
	}
	return replies, nil
}

// pipeline runs commands by the digest of their scripts, and those whose script
// Redis does not know yet once more by its text.
func (p *Projections) pipeline(ctx context.Context, commands []command) ([]*redis.Cmd, error) {
	replies := make([]*redis.Cmd, len(commands))
	pending := make([]int, len(commands))
	for i := range pending {
		pending[i] = i
	}
	_, err := p.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, c := range commands {
			replies[i] = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
		}
		return nil
	})
	pending = slices.DeleteFunc(pending, func(i int) bool { return !redis.HasErrorPrefix(replies[i].Err(), "NOSCRIPT") })
	if len(pending) > 0 {
		_, err = p.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, i := range pending {
				replies[i] = commands[i].script.Eval(ctx, pipe, commands[i].keys, commands[i].args...)
			}
			return nil
		})
	}
	errs := []error{err}
	for _, reply := range replies {
		errs = append(errs, reply.Err())
	}
	if err := distinct(errs); err != nil {
		return nil, unavailable(err)
	}
	return replies, nil
}

// distinct joins errors, those of one text once: a lost connection fails every
// command of a pipeline with the same one.
func distinct(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })...)
}

// sizeOf is the length of a value of a write.
func sizeOf(value any) int {
	if raw, ok := value.([]byte); ok {
		return len(raw)
	}
	text, _ := value.(string)
	return len(text)
}
