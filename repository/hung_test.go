package repository

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// TestADatabaseThatHangsIsNotAsked holds that what is under way ends, and what comes is
// refused, while the database answers nothing; that a lock is no such thing; and that a
// commit whose answer never came says so.
func TestADatabaseThatHangsIsNotAsked(t *testing.T) {
	t.Parallel()
	dsn := newDSN(t)
	way, slow := testdb.NewDatabaseWay(t, dsn)
	direct := openStore(t, dsn)
	s := openStore(t, slow, func(o *Options) { o.HungAfter = 1500 * time.Millisecond })
	work := func(ctx context.Context) error {
		return s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
			if err := tx.Locks.Hold(ctx, []Lock{LockModel(model1)}); err != nil {
				return err
			}
			return tx.Flush(ctx)
		})
	}
	require.NoError(t, work(t.Context()))

	// Somebody else holds the lock for longer than a database hangs.
	waiting := make(chan error, 1)
	require.NoError(t, direct.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		if err := tx.Locks.Hold(ctx, []Lock{LockModel(model1)}); err != nil {
			return err
		}
		if err := tx.Flush(ctx); err != nil {
			return err
		}
		go func() { waiting <- work(t.Context()) }()
		await.True(t, func() bool { return s.hung.beside.Stats().OpenConnections > 0 }, "it pings")
		return nil
	}))
	require.NoError(t, <-waiting)

	for _, ask := range []func(context.Context) error{
		work,
		func(ctx context.Context) error { _, err := s.Models.All(ctx); return err },
	} {
		resume := way.Hang()
		err := ask(t.Context())
		require.ErrorIs(t, err, ErrUnavailable)
		require.NotErrorIs(t, err, ErrUncertain, "nothing was committed")
		require.NotErrorIs(t, err, context.Canceled, "whoever asks still waits")
		err = ask(t.Context())
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, errHung)
		require.True(t, s.Hung())
		resume()
		await.True(t, func() bool { return ask(t.Context()) == nil })
		require.False(t, s.Hung())
	}

	require.NoError(t, work(t.Context()), "which prepares the COMMIT")
	resume := func() {}
	err := s.InTx(t.Context(), func(ctx context.Context, tx Repositories) error {
		_, err := tx.Models.Register(ctx, []entities.Model{{ID: "uncertain", DisplayName: "U", Kind: entities.ModelCompetitor}})
		if err == nil {
			err = tx.Flush(ctx)
		}
		resume = way.Hang()
		return err
	})
	resume()
	require.ErrorIs(t, err, ErrUncertain)
	require.ErrorIs(t, err, ErrUnavailable)
	await.True(t, func() bool {
		stored, err := direct.Models.Exists(t.Context(), "uncertain")
		return err == nil && stored
	}, "it was committed after all")
}
