package handlers

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"nof0/internal/arena"
	"nof0/internal/wire"
)

func TestSplitItems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		want   []string
		single bool
	}{
		"one item":            {`{"symbol":"BTC"}`, []string{`{"symbol":"BTC"}`}, true},
		"white space around":  {" \n{\"a\": 1 }\r\n\t", []string{`{"a": 1 }`}, true},
		"an empty item":       {`{}`, []string{`{}`}, true},
		"a list of one":       {`{"items":[{"a":1}]}`, []string{`{"a":1}`}, false},
		"two":                 {`{ "items" : [ {"a":1} , {"b": 2.50} ] }`, []string{`{"a":1}`, `{"b": 2.50}`}, false},
		"not objects":         {`{"items":[null,1.0,"x",[{}],true]}`, []string{`null`, `1.0`, `"x"`, `[{}]`, `true`}, false},
		"escaped name":        {`{"\u0069tems":[1]}`, []string{`1`}, false},
		"name in other case":  {`{"Items":[1]}`, []string{`{"Items":[1]}`}, true},
		"items further in":    {`{"a":{"items":[1]}}`, []string{`{"a":{"items":[1]}}`}, true},
		"duplicate names":     {`{"items":[{"a":1,"a":2},{}]}`, []string{`{"a":1,"a":2}`, `{}`}, false},
		"no UTF-8":            {"{\"items\":[{\"a\":\"\xff\"},{}]}", []string{"{\"a\":\"\xff\"}", `{}`}, false},
		"a lone surrogate":    {`{"items":["\ud800"]}`, []string{`"\ud800"`}, false},
		"numbers as they are": {`{"items":[1e999,15.479999999999999,1.0E+2]}`, []string{"1e999", "15.479999999999999", "1.0E+2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, single, err := splitItems([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range items {
				got = append(got, string(item))
			}
			if !slices.Equal(got, c.want) || single != c.single {
				t.Errorf("%q, single %t", got, single)
			}
		})
	}
}

func TestWhatIsNoEnvelope(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`[]`:                             `: is no object`,
		`[{"symbol":"BTC"}]`:             `: is no object`,
		`"x"`:                            `: is no object`,
		`null`:                           `: is no object`,
		`12`:                             `: is no object`,
		`{"items":[]}`:                   `/items: is empty`,
		`{"items":{}}`:                   `/items: is no array`,
		`{"items":null}`:                 `/items: is no array`,
		`{"items":[1],"items":[2]}`:      `/items: is given more than once`,
		`{"items":[1],"atomic":true}`:    `: has another member`,
		`{"atomic":true,"items":[1]}`:    `: has another member`,
		`{"a":1,"b":2,"items":1,"c":{}}`: `: has another member`,
	} {
		_, _, err := splitItems([]byte(body))
		var faults wire.Faults
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := faults[0].Path + ": " + faults[0].Reason; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
	many := "{" + strings.Repeat(`"items":0,`, 1000) + `"items":0}`
	var faults wire.Faults
	if _, _, err := splitItems([]byte(many)); !errors.As(err, &faults) || len(faults) > wire.MaxFaults {
		t.Errorf("%d faults, %v", len(faults), err)
	}
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for body, want := range map[string]string{
		``:                       "at byte 0: is empty",
		" \n":                    "at byte 2: is empty",
		`{`:                      "at byte 1: ends in the middle",
		`{"items":[{"a":1}`:      "at byte 17: ends in the middle",
		`{"items":[{"a":1},]}`:   "at byte 17: ",
		`{"items":[1 2]}`:        "at byte 12: ",
		`{"a":1}}`:               "at byte 7: ",
		`{"a":1} {"b":2}`:        "at byte 7: more follows",
		`{"a":01}`:               "at byte 6: ",
		`{"a":NaN}`:              "at byte 5: ",
		`{'a':1}`:                "at byte 1: ",
		`{"a":1,}`:               "at byte 6: ",
		`nope`:                   "at byte 1: ",
		`[1`:                     "at byte 2: ends in the middle",
		`[1] x`:                  "at byte 4: ",
		"\xef\xbb\xbf{}":         "at byte 0: ",
		"{\"a\":\"\n\"}":         "at byte 6: ",
		`{"items":[1],"items":}`: "at byte 21: ",
	} {
		p := problemIn(t, b.post("/api/ingest/prices", body))
		if p.Status != 400 || p.Type != problemMalformed || len(p.Errors) != 1 || p.Errors[0].Path != "" ||
			!strings.Contains(p.Errors[0].Reason, want) {
			t.Errorf("%q: %+v", body, p)
		}
		if len(b.ingest.batches) != 0 {
			t.Errorf("%q was handed on", body)
		}
	}
}

func TestItemsAreCounted(t *testing.T) {
	t.Parallel()
	list := func(n int) string { return `{"items":[` + strings.Repeat("{},", n-1) + `{}]}` }
	b := setup(t)
	if w := b.post("/api/ingest/prices", list(arena.MaxBatch)); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	} else if got := len(b.ingest.last(t).Items); got != arena.MaxBatch {
		t.Errorf("%d items", got)
	}
	w := b.post("/api/ingest/prices", list(arena.MaxBatch+1))
	if p := problemIn(t, w); p.Status != 413 || p.Type != problemTooLarge {
		t.Errorf("%+v", p)
	}
	if len(b.ingest.batches) != 1 {
		t.Error("too many were handed on")
	}
}

func FuzzIngestBody(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"items":[]}`, `{"items":[{"a":1},2]}`, `{"items":[1],"items":[2]}`, `[1]`, `{"items":`, `{"a":"\ud800"}`,
		`{"\u0069tems":[{"a":1,"a":2}]} `, "{\"items\":[\"\xff\"]}", `{} {}`, strings.Repeat(`{"a":`, 100), strings.Repeat(`[`, 20_000),
		`{"items":[` + strings.Repeat("0,", 1000) + `0]}`,
	} {
		f.Add([]byte(seed))
	}
	b := setup(f, func(o *Options) { o.Logger, o.Metrics = discard(), nil })
	var handed []arena.Batch
	b.ingest.ingest = func(_ context.Context, batch arena.Batch) (*arena.Reply, error) {
		handed = append(handed, batch)
		return smallReply(), nil
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		handed, b.ingest.batches = nil, nil
		w := b.post("/api/ingest/trades", string(body), headerKey, "key")
		switch w.Code {
		case 200:
		case 400, 413, 422:
			problemIn(t, w)
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if (len(handed) == 1) != (w.Code == 200) {
			t.Errorf("%d, and handed on %d times", w.Code, len(handed))
		}
		for _, batch := range handed {
			if n := len(batch.Items); n == 0 || n > arena.MaxBatch || batch.Single && n != 1 {
				t.Errorf("%d items, single %t", n, batch.Single)
			}
			// One after the other, as they stand.
			rest := body
			for _, item := range batch.Items {
				at := bytes.Index(rest, item)
				if len(item) == 0 || at < 0 {
					t.Fatalf("%q is no part of the body", item)
				}
				rest = rest[at+len(item):]
			}
		}
	})
}
