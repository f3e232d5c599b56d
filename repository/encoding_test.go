package repository

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/internal/testdb"
)

func TestOnlyUTF8IsOpened(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		s, err := Open(t.Context(), Options{DSN: testdb.Encoded(t, encoding)})
		require.ErrorContains(t, err, "keeps text as "+encoding+", and UTF8 is needed")
		require.NotErrorIs(t, err, ErrUnavailable, "to wait would not help")
		require.Nil(t, s)
	}

	// A role, or the environment, may ask for another encoding of the session.
	s, err := Open(t.Context(), Options{DSN: withParameters(t, newDSN(t), "client_encoding=LATIN1")})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
