package season

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"time"

	"nof0/internal/apiclient"
)

// ErrGaveUp says that the API was busy, unavailable or not there for longer
// than PlayOptions.KeepTrying.
var ErrGaveUp = errors.New("gave up trying")

const (
	outcomeUnchanged = "unchanged"
	outcomeRejected  = "rejected"
)

// firstPause is the one after the first attempt; the next ones are each twice as
// long.
const firstPause = 50 * time.Millisecond

// sender sends requests until they are answered.
type sender struct {
	api     apiclient.Client
	options PlayOptions
}

// send sends a batch until it is answered and returns the results by item, and
// how often it was sent again.
func (s *sender) send(ctx context.Context, b *batch) (results []apiclient.Result, retries int, err error) {
	body := b.body()
	key := s.key(b, body)
	query := url.Values{}
	if s.options.Competition != "" {
		query.Set("competition", s.options.Competition)
	}
	var failing time.Time
	for pause := firstPause; ; pause = min(2*pause, s.options.MaxPause) {
		results, err = s.api.Ingest(ctx, b.kind, query, hex.EncodeToString(key), body, b.items)
		failed, answered := errors.AsType[*apiclient.StatusError](err)
		var after time.Duration
		switch {
		case ctx.Err() != nil:
			return nil, retries, ctx.Err()
		case err == nil, answered && !failed.Temporary():
			return results, retries, err
		case answered:
			after = failed.RetryAfter
		}
		now := s.options.Clock.Now()
		if failing.IsZero() {
			failing = now
		}
		// Workers that failed together do not come back together.
		wait := max(pause/2+pause*time.Duration(key[0])/512, after)
		if now.Add(wait).Sub(failing) > s.options.KeepTrying {
			return nil, retries, fmt.Errorf("%w after %s and %d attempts at %s: %w",
				ErrGaveUp, now.Sub(failing).Round(time.Millisecond), retries+1, b.kind, err)
		}
		if err := s.options.Clock.Wait(ctx, wait); err != nil {
			return nil, retries, err
		}
		retries++
	}
}

// key is that of a request: of its place among all, and of what it holds.
func (s *sender) key(b *batch, body []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s\n%d\n%s\n", s.options.Seed, s.options.Run, b.position, b.kind)
	if s.options.Competition != "" {
		fmt.Fprintln(h, s.options.Competition)
	}
	_, _ = h.Write(body) // a hash takes every write
	return h.Sum(nil)[:16]
}
