package apiclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/apiclient"
	"nof0/internal/wire"
)

// serve answers requests and returns a client of it.
func serve(t *testing.T, answer http.HandlerFunc) apiclient.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return apiclient.Client{URL: server.URL + "/", Token: "secret"}
}

func TestPagesGoWithTheirParameters(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		at := r.URL.Query().Get("cursor")
		if r.URL.Query().Get("model_id") != "a b" || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusTeapot)
		}
		next := map[string]string{"": `,"next_cursor":"x+/="`, "x+/=": `,"next_cursor":"y"`}[at]
		if at == "y" {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprintf(w, `{"trades":[{"id":"behind %s"}]%s}`, at, next)
	})
	var ids []string
	var failed *apiclient.StatusError
	for page, err := range apiclient.Pages[wire.Trades](t.Context(), api, "/api/trades?model_id=a+b") {
		if err != nil {
			require.ErrorAs(t, err, &failed)
			continue
		}
		ids = append(ids, page.Trades[0].ID)
	}
	require.Equal(t, []string{"behind ", "behind x+/="}, ids)
	require.True(t, failed.Temporary())
	require.Equal(t, 7*time.Second, failed.RetryAfter)
	for _, err := range apiclient.Pages[wire.Trades](t.Context(), api, "/api/trades?model_id=a+b") {
		require.NoError(t, err)
		break // nobody is asked any more
	}
}

func TestPostReadsWhatCameOfTheWork(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.RawQuery != "domain=prices" {
			w.WriteHeader(http.StatusConflict)
		}
		_, _ = io.WriteString(w, `{"runs":[{"domain":"prices","verdict":"equal"}]}`)
	})
	ran, err := apiclient.Post[wire.ParityRuns](t.Context(), api, "/admin/parity?domain=prices")
	require.NoError(t, err)
	require.Equal(t, "prices", ran.Runs[0].Domain)
	var failed *apiclient.StatusError
	_, err = apiclient.Post[wire.ParityRuns](t.Context(), api, "/admin/parity")
	require.ErrorAs(t, err, &failed)
	require.Equal(t, http.StatusConflict, failed.Code)
}

func TestResultsAreThoseOfTheItems(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method+r.URL.String()+r.Header.Get("Idempotency-Key")+r.Header.Get("Content-Type")+string(body) !=
			"POST/api/ingest/equity?competition=s%3A2kapplication/json{}" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"results":[{"id":"m_1","outcome":"rejected","error":{"status":409,"detail":"other"}}]}`)
	})
	query := url.Values{"competition": {"s:2"}}
	results, err := api.Ingest(t.Context(), "equity", query, "k", []byte(`{}`), 1)
	require.NoError(t, err)
	require.Equal(t, []apiclient.Result{{ID: "m_1", Outcome: "rejected", Error: &apiclient.Reason{Status: 409, Detail: "other"}}}, results)
	for _, wrong := range []int{0, 2} {
		_, err = api.Ingest(t.Context(), "equity", query, "k", []byte(`{}`), wrong)
		require.ErrorContains(t, err, "/api/ingest/equity answered 409 Conflict: {\"results\"")
	}
	_, err = api.Ingest(t.Context(), "trades", nil, "", nil, 1)
	failed, ok := errors.AsType[*apiclient.StatusError](err)
	require.True(t, ok)
	require.False(t, failed.Temporary())
	require.EqualError(t, err, "/api/ingest/trades answered 418 I'm a teapot: nothing")
	for _, wrong := range []string{"", "127.0.0.1:8888", "ftp://x", "http://"} {
		require.Error(t, apiclient.Client{URL: wrong}.Check(), wrong)
	}
}
