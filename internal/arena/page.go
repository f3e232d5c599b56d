package arena

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// ParameterError refuses a parameter of a request for a reason that only the answer
// shows.
type ParameterError struct{ Name, Reason string }

func (e *ParameterError) Error() string { return "invalid parameter " + e.Name + ": " + e.Reason }

// errCursor refuses a cursor that is none, or that of other parameters.
var errCursor = &ParameterError{Name: "cursor", Reason: "is not the next_cursor of a page of this list with these parameters"}

// cursorVersion is the first byte of a cursor. The layout behind it: a digest of the
// question that it belongs to, and the key of the last row of its page as JSON.
const cursorVersion = 1

// questionDigest is how many bytes of the digest of a question are in a cursor: what
// mixes cursors up by mistake is noticed.
const questionDigest = 8

// PageOf returns the rows of the page that a request asks for, and its next cursor, ""
// on the last page. Load returns up to n rows that stand behind the row of a key, the
// first ones where it is nil; key is where a row stands in the order of the list, which
// never changes. The error is a ParameterError where the cursor does not belong to the
// request, or that of load.
func PageOf[K, R any](req Request, load func(after *K, n int) ([]R, error), key func(R) K) (rows []R, next string, err error) {
	after, err := decodeCursor[K](req)
	if err != nil {
		return nil, "", err
	}
	limit := req.Limit
	if limit == 0 {
		limit = catalogue.DefaultPage
	}
	// One more says whether there is another page.
	rows, err = load(after, limit+1)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	rows = rows[:limit]
	next, err = encodeCursor(req, key(rows[limit-1]))
	return rows, next, err
}

// pageOfList is PageOf of rows that stand in the order of their list; behind reports
// whether a row stands behind a key.
func pageOfList[K, R any](req Request, rows []R, behind func(R, K) bool, key func(R) K) ([]R, string, error) {
	return PageOf(req, func(after *K, n int) ([]R, error) {
		rest := rows
		if after != nil {
			i := slices.IndexFunc(rows, func(r R) bool { return behind(r, *after) })
			if rest = nil; i >= 0 {
				rest = rows[i:]
			}
		}
		return rest[:min(n, len(rest))], nil
	}, key)
}

func encodeCursor(req Request, key any) (string, error) {
	raw, err := wire.Marshal(key)
	if err != nil {
		return "", fmt.Errorf("error rendering a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(req.cursorHead(), raw...)), nil
}

func decodeCursor[K any](req Request) (*K, error) {
	if req.Cursor == "" {
		return nil, nil //nolint:nilnil // there is no row that the first page stands behind
	}
	raw, err := base64.RawURLEncoding.DecodeString(req.Cursor)
	if err != nil {
		return nil, errCursor
	}
	rest, ok := bytes.CutPrefix(raw, req.cursorHead())
	key := new(K)
	if !ok || wire.Unmarshal(rest, key) != nil {
		return nil, errCursor
	}
	return key, nil
}

func (r Request) cursorHead() []byte {
	digest := sha256.Sum256([]byte(r.question()))
	return append([]byte{cursorVersion}, digest[:questionDigest]...)
}

// question is what a request asks for, whichever page of it: the view and the
// parameters that it has, each by its name.
func (r Request) question() string {
	asked := url.Values{}
	set := func(name, value string) {
		if value != "" {
			asked.Set(name, value)
		}
	}
	setTime := func(name string, at time.Time) {
		if !at.IsZero() {
			asked.Set(name, strconv.FormatInt(at.UnixMicro(), 10))
		}
	}
	set("competition", r.Competition)
	set("model", r.Model)
	set("decision", r.Decision)
	set("symbol", r.Symbol)
	set("q", r.Query)
	set("side", r.Side)
	set("status", r.Status)
	set("sort", r.Sort)
	setTime("from", r.Series.From)
	setTime("to", r.Series.To)
	return string(r.View) + "?" + asked.Encode()
}

// page is the part of a list that comes by pages: its question and the page. It is ""
// for a request without any parameter but the competition.
func (r Request) page() string {
	if r == (Request{View: r.View, Competition: r.Competition}) {
		return ""
	}
	return fmt.Sprintf("%s#%d:%s", r.question(), r.Limit, r.Cursor)
}

// ascending reports whether the oldest rows come first.
func (r Request) ascending() bool { return r.Sort == "asc" }

func micros(unix int64) time.Time { return time.UnixMicro(unix).UTC() }
