package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// eventIDs reads the ids of the first n events of a stream after one, nil where it
// is refused as gone.
func eventIDs(t *testing.T, url, after string, n int) (ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLong)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/stream?types=trade", nil)
	require.NoError(t, err)
	req.Header.Set("Last-Event-ID", after)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	if res.StatusCode == http.StatusGone {
		return nil
	}
	require.Equal(t, http.StatusOK, res.StatusCode)
	ids = []string{}
	for lines := bufio.NewScanner(res.Body); len(ids) < n; {
		require.True(t, lines.Scan(), "%v after %v", lines.Err(), ids)
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestAnEventIDIsFollowedInItsOwnDatabaseAlone resumes streams of two databases, of
// which each has the sequences of the other, and of one that was restored.
func TestAnEventIDIsFollowedInItsOwnDatabaseAlone(t *testing.T) {
	t.Parallel()
	one := setup(t, withIngest)
	cfg := one.cfg
	cfg.DatabaseURL = testdb.New(t, atlastest.Migrator{})
	_, two := start(t, cfg)
	const n = 7
	for i := range n {
		for _, url := range []string{one.url, two} {
			post(t, url, "trades", fillOf(fmt.Sprintf("%d", i), 300+i))
		}
	}
	ofOne, ofTwo := eventIDs(t, one.url, "0", n), eventIDs(t, two, "0", n)
	for i := range n - 1 {
		number, _, tagged := strings.Cut(ofOne[i], "-")
		require.True(t, tagged, ofOne[i])
		require.Equal(t, ofOne[i+1:i+2], eventIDs(t, one.url, ofOne[i], 1))
		require.Equal(t, ofTwo[i+1:i+2], eventIDs(t, two, ofTwo[i], 1))
		require.Nil(t, eventIDs(t, two, ofOne[i], 1), "it is of the other one")
		require.Nil(t, eventIDs(t, one.url, ofTwo[i], 1), "it is of the other one")
		require.Nil(t, eventIDs(t, one.url, number, 1), "of which it is cannot be known")
	}

	db, err := pgx.Connect(t.Context(), one.cfg.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	// As pg_restore leaves a dump of before the last two.
	_, err = db.Exec(t.Context(), `BEGIN;
		CREATE TEMP TABLE dump ON COMMIT DROP AS TABLE store_identity;
		DELETE FROM trades WHERE id IN ('m_5', 'm_6');
		DELETE FROM outbox_events WHERE sequence IS NULL
			OR sequence >= (SELECT sequence FROM outbox_events WHERE type = 'trade' AND payload->>'id' = 'm_5');
		DELETE FROM store_identity;
		INSERT INTO store_identity TABLE dump;
		COMMIT`)
	require.NoError(t, err)
	await.True(t, func() bool { return eventIDs(t, one.url, ofOne[2], 0) == nil })
	post(t, one.url, "trades", fillOf("8", 308))
	post(t, one.url, "trades", fillOf("9", 309))
	post(t, one.url, "trades", fillOf("10", 310))
	require.Nil(t, eventIDs(t, one.url, ofOne[5], 1), "there is another event of this sequence")
	restored := eventIDs(t, one.url, "0", n)
	require.Equal(t, restored[3:4], eventIDs(t, one.url, restored[2], 1))
}
