package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"nof0/internal/season"
)

// newTaker is an ingest API that takes everything but items of a kind.
func newTaker(t *testing.T, refused string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer let me in, please" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var batch struct {
			Items []jsontext.Value `json:"items"`
		}
		if json.Unmarshal(body, &batch) != nil || batch.Items == nil {
			batch.Items = []jsontext.Value{body}
		}
		result := `{"id": "x", "outcome": "inserted"}`
		if strings.HasSuffix(r.URL.Path, "/"+refused) {
			result = `{"id": "x", "outcome": "rejected", "error": {"status": 409, "detail": "it differs"}}`
		}
		_, _ = io.WriteString(w, `{"results": [`+strings.TrimSuffix(strings.Repeat(result+",", len(batch.Items)), ",")+`]}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestSeasonPlay(t *testing.T) {
	t.Parallel()
	args := func(url string, more ...string) []string {
		return append([]string{"season", "play", "--url", url, "--speed", "0", "--models", "2", "--hours", "1", "--start", "2025-10-17T22:00:00Z"}, more...)
	}
	token := []string{"NOF0_INGEST_TOKEN=let me in, please"}

	played := parsed[season.Played](t, mustNof0(t, token, args(newTaker(t, ""), "--json")...))
	require.Positive(t, played.Acknowledged)
	require.Equal(t, played.Items, played.Acknowledged)
	require.Contains(t, mustNof0(t, nil, args(newTaker(t, ""), "--token", "let me in, please", "--fills", "30")...).out, "acknowledged")

	e := nof0(t, token, args(newTaker(t, season.KindModels))...)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.out, `rejected models of "" "x": 409 it differs`)

	e = nof0(t, nil, args(newTaker(t, ""))...)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "401 Unauthorized")

	e = nof0(t, token, args("nowhere", "--batch", "5000")...)
	require.Equal(t, 1, e.code)
	require.Contains(t, e.err, "the URL has to be one such as")
	require.Contains(t, e.err, "batch is 5000")
}
