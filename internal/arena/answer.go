package arena

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"nof0/internal/catalogue"
)

// Request asks for one view. Parameters that a view does not have are ignored.
type Request struct {
	View catalogue.ViewName
	// Competition is the one that is named, of views of accounts; "" is the default.
	Competition string
	Model       string
	Decision    string
	Symbol      string
	Query       string // what is searched
	Side        string // long or short; "" is both
	Status      string
	Sort        string // asc or desc; "" is desc
	Series      Series
	FromMarker  int64
	Limit       int    // rows at most; 0 is what the view has without it
	Format      string // FormatCSV or FormatNDJSON; "" is JSON
	Cursor      string // next_cursor of the page before; "" is the first page
}

// Answer is a rendered view. It is shared between requests and must not be
// changed.
type Answer struct {
	// Origin says which source answered: json, store or stale.
	Origin string
	// ETag is the digest of the content without serverTime, without quotes or
	// W/. Two answers of the same ETag differ at most in serverTime.
	ETag string
	// Modified is when this content was first rendered.
	Modified time.Time
	// Next is the cursor of the next page of a list that comes by pages, "" on the
	// last.
	Next string
	// MaxAge is how long a client may keep the answer, and Age how long ago one of
	// origin stale was known to be the newest.
	MaxAge, Age time.Duration
	// Body is the whole JSON document; nil for one that is streamed.
	Body []byte
	// Sent is where who sends the answer keeps what it has made of it.
	Sent atomic.Value
	// Stream, where Body is nil, writes the document in parts that are
	// rendered and compressed once each.
	Stream Stream
}

// ModifiedAt is the same answer, its content rendered at another time.
func (a *Answer) ModifiedAt(at time.Time) *Answer {
	return &Answer{
		Origin: a.Origin, ETag: a.ETag, Modified: at, Next: a.Next,
		MaxAge: a.MaxAge, Age: a.Age, Body: a.Body, Stream: a.Stream,
	}
}

// Stream is a document too large for the memory.
type Stream interface {
	// Identity writes the document as it is.
	Identity(ctx context.Context, w io.Writer) error
	// Gzip writes the document as one gzip member.
	Gzip(ctx context.Context, w io.Writer) error
}

// Answerer is what the handlers ask.
type Answerer interface {
	Answer(ctx context.Context, req Request) (*Answer, error)
}
