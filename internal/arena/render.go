package arena

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// rendering is a view as it is kept in the cache.
type rendering struct {
	ETag     string         `json:"etag"`
	Modified int64          `json:"modified"` // unix ms of the first rendering of this content
	Next     string         `json:"next,omitzero"`
	Body     jsontext.Value `json:"body"`

	// sent is its answer, as most requests get it.
	sent atomic.Pointer[Answer]
}

// answer returns the rendering as an answer of an origin.
func (r *rendering) answer(o origin) *Answer {
	if a := r.sent.Load(); a != nil && a.Origin == o.source && a.MaxAge == o.maxAge {
		return a
	}
	a := r.newAnswer(o)
	r.sent.Store(a)
	return a
}

func (r *rendering) newAnswer(o origin) *Answer {
	return &Answer{
		Origin: o.source, MaxAge: o.maxAge,
		ETag: r.ETag, Modified: time.UnixMilli(r.Modified).UTC(), Body: r.Body, Next: r.Next,
	}
}

// render writes the payload of a view out. Its ETag does not depend on
// serverTime, which every payload has as its last member.
func (s *Service) render(ctx context.Context, view catalogue.ViewName, payload any) (*rendering, error) {
	body, err := s.marshal(ctx, view, payload)
	if err != nil {
		return nil, err
	}
	content := body[:len(body)-len(serverTimeTail(body))]
	r := &rendering{ETag: digestOf(content), Modified: s.o.Now().UnixMilli(), Body: body}
	if list, ok := payload.(interface{ Next() string }); ok {
		r.Next = list.Next()
	}
	return r, nil
}

// marshal renders a part of a view and reports what it lacks because no double
// can hold it.
func (s *Service) marshal(ctx context.Context, view catalogue.ViewName, part any) ([]byte, error) {
	raw, absent, err := wire.MarshalFinite(part)
	if err != nil {
		return nil, fmt.Errorf("error rendering %T: %w", part, err)
	}
	if len(absent) > 0 && s.o.NotFinite != nil {
		s.o.NotFinite(ctx, string(view), absent)
	}
	return raw, nil
}

// serverTimeTail is what follows the last colon: the value of serverTime and
// the end of the object.
func serverTimeTail(body []byte) []byte {
	i := len(body) - 1
	for body[i] != ':' {
		i--
	}
	return body[i+1:]
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func appendServerTime(b []byte, ms int64) []byte {
	b = append(b, `,"serverTime":`...)
	b = strconv.AppendInt(b, ms, 10)
	return append(b, '}')
}
