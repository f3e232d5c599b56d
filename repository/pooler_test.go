package repository

import (
	"context"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/testdb"
)

// plain is a DSN that says nothing about how statements are sent.
func plain(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	query := u.Query()
	query.Del("default_query_exec_mode")
	u.RawQuery = query.Encode()
	return u.String()
}

// Behind the pooler of `make test-pooler` each transaction has another session.
func TestAPlainDSNServesBehindAPooler(t *testing.T) {
	t.Parallel()
	s := openStore(t, plain(t, newDSN(t)), func(o *Options) { o.MaxOpen = 8 })
	assert.Equal(t, os.Getenv("NOF0_TEST_POOLER_URL") != "", s.options.unprepared)

	beside, err := s.Beside(func(o *Options) { o.MaxOpen = 8 })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, beside.Close()) })
	var all sync.WaitGroup
	for range 8 {
		for _, s := range []*Store{s, beside} {
			all.Go(func() {
				for range 20 {
					_, err := s.Models.All(t.Context())
					assert.NoError(t, err)
					assert.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
						_, err := tx.Symbols.Register(ctx, []entities.Symbol{{Symbol: "SOL"}})
						return err
					}))
				}
			})
		}
	}
	all.Wait()
}

func TestADSNMayChooseHowStatementsAreSent(t *testing.T) {
	t.Parallel()
	dsn := plain(t, testdb.Direct(t, newDSN(t)))
	assert.False(t, openStore(t, dsn).options.unprepared, "no pooler stands before it")
	assert.True(t, choosesExecMode(dsn+"&default_query_exec_mode=exec"))
	assert.True(t, choosesExecMode("host=h default_query_exec_mode=cache_describe"))
	assert.False(t, choosesExecMode("host=h dbname=d"))
}

// Of a DSN, too, a pooler takes no settings of sessions that it does not know.
func TestASettingThatNobodyTakesIsAnError(t *testing.T) {
	t.Parallel()
	for _, session := range []Session{{}, {Name: "n", LockTimeout: time.Second}} {
		_, err := Open(t.Context(), Options{DSN: newDSN(t, "nobodys_setting=1"), Session: session})
		require.ErrorContains(t, err, "nobodys_setting")
	}
}
