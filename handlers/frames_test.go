package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]arena.Event{
		"id: 7\nevent: trade\ndata: {\"id\":3,\"sequence\":7,\"type\":\"trade\",\"model_id\":\"gpt-5\",\"at\":1761452335.744," +
			"\"data\":{\"a\":1,\"b\":15.479999999999999}}\n\n": {
			Position: at(7), ID: 3, Type: arena.EventTrade, Model: "gpt-5", At: testTime,
			Data: jsontext.Value(" {\"a\":1.0,\r\n\"b\": 15.479999999999999}\n"),
		},
		"id: 8\nevent: prices\ndata: {\"id\":4,\"sequence\":8,\"type\":\"prices\",\"at\":1761452335," +
			"\"data\":{\"a\":\"x\\r\\n\u2028\"}}\n\n": {
			Position: at(8), ID: 4, Type: arena.EventPrices, At: testTime.Truncate(time.Second), Data: jsontext.Value("{\"a\":\"x\\r\\n\u2028\"}"),
		},
		"id: 9-00ff\nevent: import\ndata: {\"id\":5,\"sequence\":9,\"type\":\"import\",\"at\":1761452335,\"data\":null}\n\n": {
			Position: arena.Position{Sequence: 9, History: "00ff"}, ID: 5, Type: arena.EventImport, At: testTime.Truncate(time.Second),
		},
	} {
		got, err := new(frames).of(e)
		if err != nil || string(got) != want {
			t.Errorf("%s\nwant %s\n%v", got, want, err)
		}
	}
	if _, err := new(frames).of(arena.Event{Data: jsontext.Value("{")}); err == nil {
		t.Error("no error")
	}
}

func TestRecentFramesAreKept(t *testing.T) {
	t.Parallel()
	var f frames
	of := func(sequence int64, data string) []byte {
		t.Helper()
		frame, err := f.of(arena.Event{Position: at(sequence), Data: jsontext.Value(data)})
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	small, large := "{}", `"`+strings.Repeat("x", largestFrame)+`"`
	first := of(1, small)
	if again := of(1, small); &again[0] != &first[0] {
		t.Error("a recent event was rendered again")
	}
	if other := of(1+recentFrames, small); string(other) == string(first) {
		t.Error("another event has the same frame")
	}
	if again := of(1, small); &again[0] == &first[0] || string(again) != string(first) {
		t.Error("an event that was pushed out came back wrong")
	}
	other, err := f.of(arena.Event{Position: arena.Position{Sequence: 1, History: "00ff"}, Data: jsontext.Value("[]")})
	if err != nil || !strings.Contains(string(other), `"data":[]`) {
		t.Errorf("an event of another database is shown as %s, %v", other, err)
	}
	if once, again := of(2, large), of(2, large); &once[0] == &again[0] {
		t.Error("a large event was kept")
	}
}
