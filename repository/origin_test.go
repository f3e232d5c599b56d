package repository

import (
	"context"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/testdb"
)

// identities collects what a store tells.
type identities struct {
	mu   sync.Mutex
	seen []string
}

func (i *identities) tell(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen = append(i.seen, id)
}

func (i *identities) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.seen)
}

// TestIdentityOfTheDatabase holds that a database is told from another, and from
// itself after its content was put back, and that nothing else is.
func TestIdentityOfTheDatabase(t *testing.T) {
	t.Parallel()
	dsn := testdb.New(t, atlastest.Migrator{})
	s := openStore(t, dsn)
	var told identities
	s.OnIdentity(told.tell)
	require.Len(t, told.all(), 1)
	require.NotEmpty(t, told.all()[0])

	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	changes := map[string]string{
		"renewed by hand":   `UPDATE store_identity SET id = DEFAULT`,
		"restored":          `BEGIN; CREATE TEMP TABLE dump ON COMMIT DROP AS TABLE store_identity; DELETE FROM store_identity; INSERT INTO store_identity TABLE dump; COMMIT`,
		"of a lost row":     `DELETE FROM store_identity`,
		"of a row of today": `INSERT INTO store_identity DEFAULT VALUES`,
	}
	for _, name := range []string{"renewed by hand", "restored", "of a lost row", "of a row of today"} {
		before := told.all()
		for _, nothing := range []string{`SELECT 1`, `VACUUM FULL store_identity`, `VACUUM FREEZE store_identity`} {
			_, err = db.Exec(t.Context(), nothing)
			require.NoError(t, err)
			require.NoError(t, s.CheckIdentity(t.Context()))
			require.Equal(t, before, told.all(), nothing)
		}
		_, err = db.Exec(t.Context(), changes[name])
		require.NoError(t, err)
		require.NoError(t, s.CheckIdentity(t.Context()))
		after := told.all()
		require.Len(t, after, len(before)+1, name)
		require.NotContains(t, before, after[len(after)-1], name)
	}

	var other identities
	openStore(t, testdb.New(t, atlastest.Migrator{})).OnIdentity(other.tell)
	require.NotContains(t, told.all(), other.all()[0], "both are copies of one template")
}

// TestIdentityIsKnownBeforeAConnectionIsUsed holds that a name that leads to
// another database is noticed by the connection that goes there.
func TestIdentityIsKnownBeforeAConnectionIsUsed(t *testing.T) {
	t.Parallel()
	dsn := testdb.New(t, atlastest.Migrator{})
	s := openStore(t, dsn, func(o *Options) { o.MaxIdle = -1 }) // each use connects
	var told identities
	s.OnIdentity(told.tell)
	_, err := s.Models.All(t.Context())
	require.NoError(t, err)
	require.Len(t, told.all(), 1)

	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	_, err = db.Exec(t.Context(), `UPDATE store_identity SET id = DEFAULT`)
	require.NoError(t, err)
	_, err = s.Models.All(t.Context())
	require.NoError(t, err)
	require.Len(t, told.all(), 2)
}

// TestIdentityForARoleWithFewRights holds that a role that may read no control
// file still tells databases apart.
func TestIdentityForARoleWithFewRights(t *testing.T) {
	t.Parallel()
	dsn := testdb.New(t, atlastest.Migrator{})
	as, err := url.Parse(dsn)
	require.NoError(t, err)
	owner, err := url.Parse(os.Getenv("DATABASE_URL"))
	require.NoError(t, err)
	owner.Path = as.Path
	db, err := pgx.Connect(t.Context(), owner.String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.Background())) })
	var role string
	require.NoError(t, db.QueryRow(t.Context(), `SELECT 'few_' || md5(random()::text)`).Scan(&role))
	_, err = db.Exec(t.Context(), `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
		CREATE ROLE `+role+` LOGIN PASSWORD 'few'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+role)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		require.NoError(t, err)
	})
	as.User = url.UserPassword(role, "few")
	s := openStore(t, as.String())
	var told identities
	s.OnIdentity(told.tell)
	_, err = db.Exec(t.Context(), `UPDATE store_identity SET id = DEFAULT`)
	require.NoError(t, err)
	require.NoError(t, s.CheckIdentity(t.Context()))
	require.Len(t, told.all(), 2)
	require.NotEqual(t, told.all()[0], told.all()[1])
}
