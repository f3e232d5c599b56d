package handlers

import (
	"strings"
	"testing"

	"nof0/config"
)

func TestNewReportsEveryMissingOption(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Answers", "Logger", "Gatherer"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestNewRefusesWrongProxies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var opts Options
	setup(t, func(o *Options) { opts = *o })
	opts.Answers = b.answers
	opts.Config = config.HTTP{TrustedProxies: []string{"nowhere"}}
	if _, err := New(opts); err == nil {
		t.Error("no error")
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Options){
		"IngestToken": func(o *Options) { o.IngestToken = "two words" },
		"MaxStreams":  func(o *Options) { o.MaxStreams = -1 },
	} {
		var opts Options
		setup(t, func(o *Options) { opts = *o })
		change(&opts)
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", want, err)
		} else if strings.Contains(err.Error(), "words") {
			t.Errorf("%v tells the token", err)
		}
	}
}

func TestDefaultsServe(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.Metrics, o.Ready, o.Now, o.Rand = nil, nil, nil, nil })
	for _, path := range []string{"/readyz", "/api/trades"} {
		w := b.do("GET", path)
		if w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if id := w.Header().Get(headerRequestID); len(id) != 32 || strings.Count(id, "0") == 32 {
			t.Errorf("%s: request id %q", path, id)
		}
	}
}
