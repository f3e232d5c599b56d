package cachelayer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"nof0/config"
	"nof0/internal/catalogue"
)

// ErrBadID reports an id that cannot be part of a key: it is empty, holds a
// brace or a control character, or is not UTF-8; or a number that is out of
// range. A brace would move the key to another slot of a cluster and could make
// two ids spell one key.
var ErrBadID = errors.New("bad id for a cache key")

// prefix starts every key, so that Drop finds them all and nothing else.
const prefix = "nof0:"

// ingestGuardTTL is as long as the idempotency keys in Postgres are kept.
const ingestGuardTTL = 24 * time.Hour

// familyVersion is the label of the versions.
const familyVersion = "version"

// lockPattern matches the fencing tokens of every projection.
const lockPattern = prefix + "lock:*"

// ownerName is the key of whose Redis is (see owner). It is in the slot of the
// stream of trades.
const ownerName = prefix + "owner:{" + prefix + "trades:stream}"

// Key names one value in Redis.
type Key struct {
	// Name is the key as Redis knows it.
	Name string
	// Family is the bounded label under which metrics count the key.
	Family string
	// TTL is how long the value lives. Zero means that it does not expire, and
	// that Fetch does not store it.
	TTL time.Duration
	// Versions are those of what the value is made from. Without any it is good
	// until its end.
	Versions []catalogue.Version
	// Local says that the value stays in the memory of the process.
	Local bool
	// structure is that of a projection.
	structure catalogue.Structure
	// memo, where given, saves work of those who ask for the key again and again.
	memo *memo
}

// Keys spells every key of nof0, with its TTL. Braces are literal: they are the
// hash tags that keep what belongs together in one slot of a Redis Cluster.
// Methods that take an id return an error that is ErrBadID for one that cannot
// be part of a key.
type Keys struct {
	short, medium, long time.Duration
	// segment is that of a competition, with a colon behind it; "" of what belongs to
	// the default competition.
	segment string
}

// NewKeys takes the TTL classes from cfg.
func NewKeys(cfg config.Cache) Keys {
	return Keys{short: cfg.Short, medium: cfg.Medium, long: cfg.Long}
}

// isReserved says whether a segment is the first of keys of something else: a
// competition may be called like it.
func isReserved(segment string) bool {
	switch segment {
	case "price", "crypto_prices", "positions", "lock", "trades", "ingest", "leaderboard", "since_inception", "account_totals",
		"analytics", "conversations", "decision", "trader", "market", "sim", "view", "version", "owner", "competitions":
		return true
	}
	return false
}

// In returns the keys of what belongs to a competition that is named:
// nof0:COMPETITION:… instead of nof0:…, for keys of accounts. "" is none.
func (k Keys) In(competition string) Keys {
	k.segment = ""
	if competition != "" {
		k.segment = url.QueryEscape(competition) + ":"
		if isReserved(competition) {
			k.segment = "%" + k.segment
		}
	}
	return k
}

// Competitions holds which competitions there are, and which of them is the default.
func (k Keys) Competitions() Key {
	key := fixed("competitions", 2*k.long, "competitions")
	key.Versions = []catalogue.Version{catalogue.Competitions.Whole()}
	return key
}

// Projection holds a projection of the given ids, in the order in which its key names
// them.
func (k Keys) Projection(name catalogue.ProjectionName, ids ...string) (Key, error) {
	p := catalogue.ProjectionOf(name)
	segments := strings.Split(p.Key, ":")
	for i, segment := range segments {
		if strings.ToUpper(segment) != segment {
			continue // it is no id
		}
		if len(ids) == 0 {
			return Key{}, fmt.Errorf("%w: %s lacks %s", ErrBadID, name, segment)
		}
		if err := checkID(string(name), ids[0]); err != nil {
			return Key{}, err
		}
		segments[i] = ids[0]
		if strings.HasPrefix(segment, "{") {
			segments[i] = "{" + ids[0] + "}"
		}
		ids = ids[1:]
	}
	if len(ids) > 0 {
		return Key{}, fmt.Errorf("%w: %s has no %q", ErrBadID, name, ids[0])
	}
	key := strings.Join(segments, ":")
	if p.OfAccounts {
		key = k.segment + key
	}
	return Key{Name: prefix + key, Family: string(name), TTL: k.TTL(p.TTL), structure: p.Structure}, nil
}

// TradesStream is the stream with one entry per trade. It is bounded in length
// and does not expire.
func (k Keys) TradesStream() Key {
	return fixed("trades_stream", 0, "trades:stream")
}

// IngestedTrade holds the digest of a trade event that was accepted.
func (k Keys) IngestedTrade(model, id string) (Key, error) {
	if err := checkID("trade id", id); err != nil {
		return Key{}, err
	}
	return tagged("ingest_guard", ingestGuardTTL, k.segment+"ingest:trade:", model, ":"+id)
}

// View holds a rendered view, made from the accounts of the given competitions: of one
// model where model is not empty, and of the part of it that the other parameters ask
// for where part is not.
func (k Keys) View(v *catalogue.View, model, part string, competitions ...string) (Key, error) {
	name := v.Key
	if strings.Contains(name, "MODEL") {
		if err := checkID(string(v.Name), model); err != nil {
			return Key{}, err
		}
		name = strings.Replace(name, "MODEL", model, 1)
	}
	if part != "" {
		name += ":" + part
	}
	if v.OfCompetition() {
		name = k.segment + name
	}
	return Key{
		Name: prefix + name, Family: string(v.Name), TTL: k.TTL(v.TTL), Versions: v.Versions(model, competitions...),
		Local: v.OwnMemory || v.Paged && part != "",
	}, nil
}

// EquitySegment holds the rendered account totals of a competition for the segment of
// hourly markers that begins with first, all of which are over.
func (k Keys) EquitySegment(competition string, first int64) Key {
	return Key{
		Name:   fmt.Sprintf("%s%saccount_totals:hours:%d-%d", prefix, k.segment, first, first+catalogue.SegmentHours-1),
		Family: "account_totals_hours", TTL: k.long,
		Versions: []catalogue.Version{
			catalogue.Competitions.Whole(), catalogue.Models.Whole(),
			catalogue.Equity.In(competition).Rest(), catalogue.EquitySegment(competition, first),
		},
	}
}

// Own holds, in the memory of the process, what is made from versions.
func (k Keys) Own(family, name string, ttl time.Duration, versions ...catalogue.Version) Key {
	return Key{Name: family + ":" + name, Family: family, TTL: ttl, Versions: versions, Local: true}
}

// pollAge bounds what clients may keep of data that changes by the minute.
const pollAge = 5 * time.Second

// TTL is how long a class lives.
func (k Keys) TTL(class catalogue.Class) time.Duration {
	switch class {
	case catalogue.Polled:
		return min(pollAge, k.short)
	case catalogue.HalfMedium:
		return k.medium / 2
	case catalogue.Medium:
		return k.medium
	case catalogue.Long:
		return k.long
	case catalogue.TwiceLong:
		return 2 * k.long
	case catalogue.Short:
	}
	return k.short
}

// fixed spells a key without an id.
func fixed(family string, ttl time.Duration, name string) Key {
	return Key{Name: prefix + name, Family: family, TTL: ttl}
}

// tagged spells head{id}tail.
func tagged(family string, ttl time.Duration, head, id, tail string) (Key, error) {
	if err := checkID(family, id); err != nil {
		return Key{}, err
	}
	return Key{Name: prefix + head + "{" + id + "}" + tail, Family: family, TTL: ttl}, nil
}

func checkID(what, id string) error {
	if id == "" || !utf8.ValidString(id) || strings.ContainsAny(id, "{}") || strings.ContainsFunc(id, unicode.IsControl) {
		return fmt.Errorf("%w: %s %q", ErrBadID, what, id)
	}
	return nil
}

// versionName spells the key of a version.
func versionName(v catalogue.Version) string { return prefix + "version:" + string(v) }

// versionNames names several versions as one.
func versionNames(versions []catalogue.Version) string {
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = string(v)
	}
	return prefix + "version:" + strings.Join(names, " ")
}

// lockName spells the key of the fencing tokens of the projection under name, in
// name's slot.
func lockName(name string) string {
	rest := strings.TrimPrefix(name, prefix)
	if strings.Contains(rest, "{") {
		return prefix + "lock:" + rest
	}
	return prefix + "lock:{" + name + "}"
}

// stageName spells the key under which the holder of token puts together a
// projection that is too large for one command, in the slot of name.
func stageName(name, token string) string { return lockName(name) + ":" + token }
