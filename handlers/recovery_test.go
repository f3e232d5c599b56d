package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nof0/internal/arena"
)

func TestPanicsBecomeProblems(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]any{"text": "secret", "error": errors.New("secret"), "nothing": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.answers.answer = func(context.Context, arena.Request) (*arena.Answer, error) { panic(cause) }
			w := b.do("GET", "/api/trades")
			if p := problemIn(t, w); p.Status != 500 || p.Type != problemInternal {
				t.Errorf("%+v", p)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), ".go") {
				t.Errorf("%s leaks", w.Body)
			}
			lines := b.logs.lines(t, "panic")
			if len(lines) != 1 || !strings.Contains(lines[0]["stack"].(string), "recovery_test.go") {
				t.Errorf("the log says %v", lines)
			}
			if got := b.metrics.last(t); got.status != 500 {
				t.Errorf("observed %+v", got)
			}
		})
	}
}

func TestAPanicInAResponseBreaksTheConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := smallAnswer()
	a.Body, a.Stream = nil, streamFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write([]byte(`{"trades":[`))
		if err != nil {
			return err
		}
		panic("secret")
	})
	b.answerWith(a)
	server := httptest.NewServer(b.handler)
	response, err := http.Get(server.URL + "/api/trades")
	if err == nil {
		defer response.Body.Close()
		var body []byte
		if body, err = io.ReadAll(response.Body); err == nil {
			t.Errorf("the response ended well: %s", body)
		}
	}
	server.Close() // waits for the request to be over
	if got := b.metrics.last(t); got.status != 500 {
		t.Errorf("observed %+v", got)
	}
	if len(b.logs.lines(t, "panic")) != 1 || len(b.logs.lines(t, "request")) != 1 {
		t.Errorf("the log says %s", b.logs)
	}
}
