// Package apiclient asks the REST API of a running system.
package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"nof0/internal/wire"
)

// Client asks one API.
type Client struct {
	URL   string       // of the API, such as http://127.0.0.1:8888
	Token string       // bearer token; "" sends none
	HTTP  *http.Client // nil is http.DefaultClient
}

// Check refuses a URL that can be that of no API.
func (c Client) Check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("the URL has to be one such as http://127.0.0.1:8888")
	}
	return nil
}

// Response is an answer, read whole.
type Response struct {
	*http.Response

	Body []byte
}

// Do sends a request, and reads the answer whatever its status is. The path has its
// query; a body is JSON, nil is none; headers come in pairs.
func (c Client) Do(ctx context.Context, method, path string, body []byte, headers ...string) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, fmt.Errorf("error making a request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := cmp.Or(c.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		return Response{}, fmt.Errorf("error asking the API: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return Response{}, fmt.Errorf("error reading what %s answered: %w", req.URL.Redacted(), err)
	}
	return Response{res, answer}, nil
}

// StatusError is an answer that is not what was asked for.
type StatusError struct {
	Path, Status string
	Code         int
	RetryAfter   time.Duration // what the API asks to wait
	Body         []byte
}

// Error has the beginning of the answer.
func (e *StatusError) Error() string {
	const most = 300
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(e.Body[:min(len(e.Body), most)]), "")), " ")
	return fmt.Sprintf("%s answered %s: %s", e.Path, e.Status, cmp.Or(text, "nothing"))
}

// Temporary reports whether the same request may be sent again.
func (e *StatusError) Temporary() bool {
	return slices.Contains([]int{
		http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, e.Code)
}

func (r Response) unexpected() *StatusError {
	e := &StatusError{Path: r.Request.URL.Path, Status: r.Status, Code: r.StatusCode, Body: r.Body}
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// Get reads a document. Another status than 200 is a *StatusError.
func Get[T any](ctx context.Context, c Client, path string) (document T, err error) {
	return ask[T](ctx, c, http.MethodGet, path)
}

// Post asks for work that needs no body, and reads the document that says what came of
// it. Another status than 200 is a *StatusError.
func Post[T any](ctx context.Context, c Client, path string) (document T, err error) {
	return ask[T](ctx, c, http.MethodPost, path)
}

func ask[T any](ctx context.Context, c Client, method, path string) (document T, err error) {
	res, err := c.Do(ctx, method, path, nil)
	if err != nil {
		return document, err
	}
	if res.StatusCode != http.StatusOK {
		return document, res.unexpected()
	}
	if err := wire.Unmarshal(res.Body, &document); err != nil {
		return document, fmt.Errorf("error reading what %s answered: %w", path, err)
	}
	return document, nil
}

// Pages reads a list page by page, from the one of the path on, to the last or to the
// first error.
func Pages[P interface{ Next() string }](ctx context.Context, c Client, path string) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		for at := path; ; {
			page, err := Get[P](ctx, c, at)
			if !yield(page, err) || err != nil || page.Next() == "" {
				return
			}
			at = path + separator + "cursor=" + url.QueryEscape(page.Next())
		}
	}
}

// Result is what became of an item of a write.
type Result struct {
	ID      string  `json:"id"`
	Outcome string  `json:"outcome"` // inserted, updated, unchanged or rejected
	Error   *Reason `json:"error"`
}

// Reason says why an item was rejected.
type Reason struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// Ingest writes the items of a body and returns what became of each, in their order,
// whatever the status. The key makes a repetition safe; "" is none. An answer of
// another number of results is a *StatusError.
func (c Client) Ingest(ctx context.Context, kind string, query url.Values, key string, body []byte, items int) ([]Result, error) {
	path := "/api/ingest/" + kind
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var headers []string
	if key != "" {
		headers = []string{"Idempotency-Key", key}
	}
	res, err := c.Do(ctx, http.MethodPost, path, body, headers...)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []Result `json:"results"`
	}
	if wire.Unmarshal(res.Body, &answer) != nil || len(answer.Results) != items {
		return nil, res.unexpected()
	}
	return answer.Results, nil
}
