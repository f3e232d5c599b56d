package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"nof0/internal/arena"
)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	var elapsed time.Duration
	b := setup(t, func(o *Options) {
		o.Now = func() time.Time { elapsed += time.Millisecond; return testTime.Add(elapsed) }
	})
	b.do("GET", "/api/analytics/gpt-5?secret=1", headerRequestID, "x")
	lines := b.logs.lines(t, "request")
	if len(lines) != 1 {
		t.Fatalf("%d lines: %s", len(lines), b.logs)
	}
	for name, want := range map[string]any{
		"level": "INFO", "method": "GET", "route": "/api/analytics/:model", "path": "/api/analytics/gpt-5",
		"status": 200.0, "bytes": 28.0, "source": "store", "request_id": "x", "client": "192.0.2.1",
	} {
		if got := lines[0][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if d, _ := lines[0]["duration"].(float64); d <= 0 {
		t.Errorf("duration is %v", lines[0]["duration"])
	}
	if strings.Contains(b.logs.String(), "secret") {
		t.Error("the query is in the log")
	}
}

func TestAccessLogLevels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path  string
		ready error
		view  error
		want  string
	}{
		{"/healthz", nil, nil, "DEBUG"},
		{"/readyz", nil, nil, "DEBUG"},
		{"/readyz", errors.New("no database"), nil, "ERROR"},
		{"/metrics", nil, nil, "DEBUG"},
		{"/docs", nil, nil, "INFO"},
		{"/nowhere", nil, nil, "INFO"},
		{"/api/trades", nil, nil, "INFO"},
		{"/api/trades", nil, arena.ErrUnknownModel, "INFO"},
		{"/api/trades", nil, arena.ErrUnavailable, "ERROR"},
		{"/api/trades", nil, &arena.NotInFilesError{Domain: arena.DomainTrades}, "INFO"},
	} {
		b := setup(t, withReady(c.ready))
		if c.view != nil {
			b.failWith(c.view)
		}
		b.do("GET", c.path)
		lines := b.logs.lines(t, "request")
		if len(lines) != 1 || lines[0]["level"] != c.want {
			t.Errorf("%+v: %v", c, lines)
		}
	}
}

// TestAFloodDoesNotFillTheLog holds that many requests of one kind have few lines, which
// count the others, and that a fault of the program always has its own.
func TestAFloodDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path  string
		fails error
		// first is how many have a line at once, second how many of those a second later,
		// and minute of those a minute later.
		first, second, minute int
	}{
		"reads":             {path: "/api/trades", first: 5, second: 5, minute: 5},
		"unknown":           {path: "/nowhere", first: 5, second: 5, minute: 5},
		"not in the files":  {path: "/api/trades", fails: &arena.NotInFilesError{Domain: arena.DomainPrices}, first: 5, second: 5, minute: 5},
		"an outage":         {path: "/api/trades", fails: arena.ErrUnavailable, first: 1, second: 0, minute: 1},
		"a stopping server": {path: "/api/trades", fails: arena.ErrClosing, first: 1, second: 0, minute: 1},
		"a fault":           {path: "/api/trades", fails: errors.New("nil pointer"), first: 50, second: 50, minute: 50},
	} {
		now := testTime
		b := setup(t, func(o *Options) {
			o.LogRequests = 5
			o.Now = func() time.Time { return now }
		})
		if c.fails != nil {
			b.failWith(c.fails)
		}
		seen, sent := 0, 0
		for _, step := range []struct {
			after time.Duration
			lines int
		}{{0, c.first}, {time.Second, c.second}, {time.Minute, c.minute}} {
			now = now.Add(step.after)
			for range 50 {
				b.do("GET", c.path)
			}
			lines := b.logs.lines(t, "request")
			if got := len(lines) - seen; got != step.lines {
				t.Errorf("%s, %v later: %d lines, want %d", name, step.after, got, step.lines)
			}
			if step.lines > 0 && sent > seen {
				if leftOut, _ := lines[seen]["left_out"].(float64); int(leftOut) != sent-leftOutOf(lines[:seen])-seen {
					t.Errorf("%s: %v were left out of %d", name, leftOut, sent)
				}
			}
			seen, sent = len(lines), sent+50
		}
	}
}

func leftOutOf(lines []map[string]any) (sum int) {
	for _, line := range lines {
		n, _ := line["left_out"].(float64)
		sum += int(n)
	}
	return sum
}

func TestAccessLogOfWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply arena.Reply
		err   error
		token string
		want  string
	}{
		"taken":       {reply: *smallReply(), want: "DEBUG"},
		"refused":     {reply: arena.Reply{Rejection: arena.RejectedInvalid}, want: "INFO"},
		"a conflict":  {reply: arena.Reply{Rejection: arena.RejectedConflict}, want: "INFO"},
		"busy":        {err: arena.ErrBusy, want: "ERROR"},
		"a bad token": {reply: *smallReply(), token: "Bearer nobody", want: "INFO"},
	} {
		b := setup(t)
		b.ingest.ingest = func(context.Context, arena.Batch) (*arena.Reply, error) { return &c.reply, c.err }
		var headers []string
		if c.token != "" {
			headers = []string{"Authorization", c.token}
		}
		b.post("/api/ingest/prices", `{"items":[{}]}`, headers...)
		lines := b.logs.lines(t, "request")
		if len(lines) != 1 || lines[0]["level"] != c.want {
			t.Errorf("%s: %v", name, lines)
		}
	}
}
