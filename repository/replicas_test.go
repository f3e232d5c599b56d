package repository

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/peterldowns/pgtestdb"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"nof0/atlas/atlastest"
	"nof0/internal/await"
	"nof0/internal/testdb"
	"nof0/internal/testsize"
)

// TestReplicas holds that a replica is read for what is committed before the question and
// for nothing less: not one that stands still, is of another database, was promoted, went
// another way than the primary, or is gone.
func TestReplicas(t *testing.T) {
	t.Parallel()
	primaryURL := testdb.NewServer(t, "")
	migrated := openStore(t, primaryURL)
	require.NoError(t, atlastest.Migrator{}.Migrate(t.Context(), migrated.SQL(), pgtestdb.Config{}))
	primary := openStore(t, primaryURL)
	standbyURL := testdb.NewServer(t, primaryURL)
	open := func(of *Store, wait time.Duration, urls ...string) *Replicas {
		r, err := of.Replicas(urls, wait)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r
	}
	models := 0
	write := func(to *Store) {
		t.Helper()
		models++
		registerModels(t, to, strings.Repeat("m", models))
	}
	var standby bool
	read := func(r *Replicas) error {
		t.Helper()
		for _, one := range r.all {
			one.away.Store(0)
		}
		return r.Read(t.Context(), func(ctx context.Context, repos Repositories) error {
			found, err := repos.Models.All(ctx)
			require.NoError(t, err)
			require.Len(t, found, models, "what was committed before is there")
			require.NoError(t, repos.Models.run(ctx, "test", "Standby", func(db *gorm.DB) error {
				return db.Raw("SELECT pg_is_in_recovery()").Scan(&standby).Error
			}))
			require.True(t, standby)
			return nil
		})
	}
	patient := open(primary, time.Minute, standbyURL)
	await.True(t, func() bool { return read(patient) == nil }, "it has begun to stream")
	for range 20 {
		write(primary)
		require.NoError(t, read(patient))
	}
	failed := errors.New("the middle")
	require.ErrorIs(t, patient.Read(t.Context(), func(context.Context, Repositories) error { return failed }), failed)
	require.NoError(t, read(patient), "the connection is as it was")

	hasty := open(primary, 5*time.Millisecond, standbyURL)
	testdb.Execute(t, standbyURL, "SELECT pg_wal_replay_pause()")
	write(primary)
	require.ErrorIs(t, read(hasty), ErrNoReplica)
	require.ErrorIs(t, hasty.Read(t.Context(), nil), ErrNoReplica, "it is left alone for a while")
	testdb.Execute(t, standbyURL, "SELECT pg_wal_replay_resume()")
	require.NoError(t, read(patient))
	require.InDelta(t, 2, testutil.ToFloat64(hasty.reads.WithLabelValues("behind")), 0)

	unprivileged := userOf(t, standbyURL, "reader")
	testdb.Execute(t, primaryURL, "CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
	byReader := open(primary, time.Minute, unprivileged)
	await.True(t, func() bool { // the role is there
		err := read(byReader)
		return err != nil && strings.Contains(err.Error(), "GRANT pg_read_all_stats")
	})
	testdb.Execute(t, primaryURL, "GRANT pg_read_all_stats TO reader")
	await.True(t, func() bool { return read(byReader) == nil })

	require.ErrorIs(t, read(open(primary, time.Minute, primaryURL)), ErrUnavailable, "the primary is no replica")
	require.ErrorContains(t, read(open(primary, time.Minute, testdb.Direct(t, newDSN(t)))), "no replica of the database")
	require.ErrorIs(t, read(open(primary, time.Minute, "postgres://u:p@127.0.0.1:1/d")), ErrUnavailable)

	if !testsize.Long() {
		return // a third server is slow to start
	}
	// A standby of the standby follows the new timeline; the old primary does not.
	behind := testdb.NewServer(t, standbyURL)
	testdb.Execute(t, standbyURL, "SELECT pg_promote()")
	promoted := openStore(t, standbyURL)
	require.ErrorIs(t, read(patient), ErrUnavailable, "it is a primary now")
	require.ErrorIs(t, read(open(promoted, time.Minute, primaryURL)), ErrUnavailable)
	write(promoted)
	follows := open(promoted, time.Minute, behind)
	await.True(t, func() bool { return read(follows) == nil })
	require.ErrorIs(t, read(open(primary, time.Minute, behind)), ErrUnavailable, "it went another way than the old primary")
}

func userOf(t *testing.T, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(name, "r")
	return u.String()
}
