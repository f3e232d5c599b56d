package season

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"nof0/internal/wire"
)

// ErrGaveUp says that the API was busy, unavailable or not there for longer
// than PlayOptions.KeepTrying.
var ErrGaveUp = errors.New("gave up trying")

// ItemResult is what became of an item of a request.
type ItemResult struct {
	ID      string     `json:"id"`
	Outcome string     `json:"outcome"` // inserted, updated, unchanged or rejected
	Error   *ItemError `json:"error"`
}

// ItemError says why an item was rejected.
type ItemError struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

const (
	outcomeUnchanged = "unchanged"
	outcomeRejected  = "rejected"
)

// firstPause is the one after the first attempt; the next ones are each twice as
// long.
const firstPause = 50 * time.Millisecond

// sender sends requests until they are answered.
type sender struct{ options PlayOptions }

// temporaryError is a failure after which the same request may be sent again.
type temporaryError struct {
	err   error
	after time.Duration // what the API asked for
}

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

// send sends a batch until it is answered and returns the results by item, and
// how often it was sent again.
func (s *sender) send(ctx context.Context, b *batch) (results []ItemResult, retries int, err error) {
	body := b.body()
	key := s.key(b, body)
	var failing time.Time
	for pause := firstPause; ; pause = min(2*pause, s.options.MaxPause) {
		results, err = s.once(ctx, b, key, body)
		temporary, again := errors.AsType[*temporaryError](err)
		switch {
		case ctx.Err() != nil:
			return nil, retries, ctx.Err()
		case !again:
			return results, retries, err
		}
		now := s.options.Clock.Now()
		if failing.IsZero() {
			failing = now
		}
		// Workers that failed together do not come back together.
		wait := max(pause/2+pause*time.Duration(key[0])/512, temporary.after)
		if now.Add(wait).Sub(failing) > s.options.KeepTrying {
			return nil, retries, fmt.Errorf("%w after %s and %d attempts at %s: %w",
				ErrGaveUp, now.Sub(failing).Round(time.Millisecond), retries+1, b.kind, temporary.err)
		}
		if err := s.options.Clock.Wait(ctx, wait); err != nil {
			return nil, retries, err
		}
		retries++
	}
}

// once sends a batch once.
func (s *sender) once(ctx context.Context, b *batch, key, body []byte) (_ []ItemResult, err error) {
	target := strings.TrimRight(s.options.URL, "/") + "/api/ingest/" + b.kind
	if s.options.Competition != "" {
		target += "?competition=" + url.QueryEscape(s.options.Competition)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("error making a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", hex.EncodeToString(key))
	if s.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.options.Token)
	}
	resp, err := s.options.Client.Do(req)
	if err != nil {
		return nil, &temporaryError{err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &temporaryError{err: fmt.Errorf("error reading the answer: %w", err)}
	}
	var reply struct {
		Results []ItemResult `json:"results"`
	}
	if wire.Unmarshal(answer, &reply) == nil && len(reply.Results) == b.items {
		return reply.Results, nil
	}
	err = fmt.Errorf("%s answered %s to %d items: %s", target, resp.Status, b.items, excerpt(answer))
	if slices.Contains([]int{
		http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, resp.StatusCode) {
		return nil, &temporaryError{err: err, after: retryAfter(resp)}
	}
	return nil, err
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

// retryAfter is how long the API asks to wait.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// excerpt is the beginning of an answer, for a message.
func excerpt(answer []byte) string {
	const most = 300
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer[:min(len(answer), most)]), "")), " ")
	if text == "" {
		return "nothing"
	}
	return text
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("the URL has to be one such as http://127.0.0.1:8888")
	}
	return nil
}
