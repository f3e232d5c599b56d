package repository

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"nof0/entities"
	"nof0/internal/await"
)

func newInception(change ...func(*entities.Account)) entities.Account {
	a := entities.Account{
		ModelID: model1, Provider: provider, InceptionID: new("68f-1"), InceptionAt: new(begin), InceptionNAV: new(10000.0),
		Invocations: new(int64(10)), Extra: entities.JSON(`{"note":1}`),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func TestAccountsInceptionNeverChanges(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		outcome, err := s.Accounts.SetInception(t.Context(), newInception(), begin)
		require.NoError(t, err)
		assert.Equal(t, Inserted, outcome)
		stored := rowsOf(t, s, "accounts")
		outcome, err = s.Accounts.SetInception(t.Context(), newInception(), begin)
		require.NoError(t, err)
		assert.Equal(t, Unchanged, outcome)
		for name, change := range map[string]func(*entities.Account){
			"time":    func(a *entities.Account) { a.InceptionAt = new(begin.Add(time.Microsecond)) },
			"no time": func(a *entities.Account) { a.InceptionAt = nil },
			"nav":     func(a *entities.Account) { a.InceptionNAV = new(10000.000000000002) },
			"id":      func(a *entities.Account) { a.InceptionID = new("68f-2") },
			"no id":   func(a *entities.Account) { a.InceptionID = nil },
		} {
			outcome, err = s.Accounts.SetInception(t.Context(), newInception(change), begin.Add(time.Hour))
			require.NoError(t, err)
			assert.Equal(t, Conflict, outcome, name)
			assert.Equal(t, stored, rowsOf(t, s, "accounts"), name)
		}
	})
}

func TestAccountsInvocationsFollowTheNewestData(t *testing.T) {
	t.Parallel()
	counts := []int64{10, 0, 30, 7}
	eachProtocol(t, func(t *testing.T, s *Store) {
		for _, order := range permutations(len(counts)) {
			execute(t, s, `UPDATE accounts SET inception_id = NULL, inception_at = NULL, inception_nav = NULL,
				invocations = NULL, invocations_as_of = NULL, extra = NULL`)
			for range 2 {
				for _, i := range order {
					_, err := s.Accounts.SetInception(t.Context(), newInception(func(a *entities.Account) {
						a.Invocations, a.Extra = &counts[i], doc(map[string]int{"i": i})
					}), begin.Add(time.Duration(i)*time.Hour+300*time.Nanosecond))
					require.NoError(t, err)
				}
			}
			accounts, err := s.Accounts.All(t.Context())
			require.NoError(t, err)
			require.Len(t, accounts, 2)
			assert.Equal(t, new(int64(7)), accounts[0].Invocations)
			assert.JSONEq(t, `{"i":3}`, string(accounts[0].Extra))
			assert.Equal(t, new(begin), accounts[0].InceptionAt)
			assert.Nil(t, accounts[1].InceptionAt)
		}
	})
}

func TestAccountsInvocationsOutcomes(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		set := func(at time.Duration, invocations *int64) Outcome {
			outcome, err := s.Accounts.SetInception(t.Context(), newInception(func(a *entities.Account) { a.Invocations = invocations }), begin.Add(at))
			require.NoError(t, err)
			return outcome
		}
		assert.Equal(t, Inserted, set(time.Hour, nil))
		assert.Equal(t, Unchanged, set(2*time.Hour, nil))
		assert.Equal(t, Updated, set(3*time.Hour, new(int64(0))))
		assert.Equal(t, Unchanged, set(2*time.Hour, new(int64(5))), "older")
		accounts, err := s.Accounts.All(t.Context())
		require.NoError(t, err)
		assert.Equal(t, new(int64(0)), accounts[0].Invocations, "zero is not absent")
	})
}

func TestAccountsSetInceptionOfAnUnknownModel(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, err := s.Accounts.SetInception(t.Context(), newInception(func(a *entities.Account) { a.ModelID = "nobody" }), begin)
	require.ErrorIs(t, err, ErrUnknownModel)
}

func TestAccountsLockKeepsOthersOut(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		ctx := context.WithoutCancel(t.Context())
		free := make(chan struct{})
		done := make(chan error, 1)
		require.NoError(t, s.InTx(ctx, func(ctx context.Context, tx Repositories) error {
			accounts, err := tx.Accounts.Lock(ctx, []string{model2, model1, "nobody"})
			if err != nil {
				return err
			}
			assert.Len(t, accounts, 2)
			assert.Equal(t, model1, accounts[0].ModelID)
			go func() {
				done <- s.InTx(context.WithoutCancel(ctx), func(ctx context.Context, tx Repositories) error {
					_, err := tx.Accounts.Lock(ctx, []string{model1})
					select {
					case <-free:
					default:
						t.Error("locked by two at once")
					}
					return err
				})
			}()
			await.True(t, func() bool { return waiting(t, s) > 0 })
			close(free)
			return nil
		}))
		require.NoError(t, <-done)
		_, err := s.Accounts.Lock(ctx, nil)
		require.NoError(t, err)
	})
}

// Locks are taken in the order of keys, whatever the order they are named in.
func TestAccountsLocksOfSeveralModelsNeverDeadlock(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := context.WithoutCancel(t.Context())
	for _, err := range atOnce(8, func(i int) error {
		for range 10 {
			models := []string{model1, model2}
			if i%2 == 0 {
				models = []string{model2, model1}
			}
			if _, err := inTx(ctx, s, func(ctx context.Context, tx Repositories) ([]entities.Account, error) {
				return tx.Accounts.Lock(ctx, models)
			}); err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		models := []entities.Model{{ID: "z", DisplayName: "Z", Kind: entities.ModelBenchmark}, {ID: "y", DisplayName: ""}}
		added, err := s.Models.Register(t.Context(), models)
		require.NoError(t, err)
		assert.Len(t, added, 2)
		stored, err := s.Models.All(t.Context())
		require.NoError(t, err)

		// Rows that were read carry their timestamps.
		again := append(slices.Clone(stored), entities.Model{ID: "a", DisplayName: "A"}, entities.Model{ID: "a", DisplayName: "B"})
		again[0].DisplayName = "changed"
		added, err = s.Models.Register(t.Context(), again)
		require.NoError(t, err)
		assert.Len(t, added, 1)
		after, err := s.Models.All(t.Context())
		require.NoError(t, err)
		require.Len(t, after, len(stored)+1)
		newest := len(after) - 2 // the benchmark comes last
		assert.Equal(t, "A", after[newest].DisplayName)
		assert.Equal(t, entities.ModelCompetitor, after[newest].Kind)
		assert.Equal(t, stored, slices.Delete(after, newest, newest+1), "what is known stays as it is")

		exists, err := s.Models.Exists(t.Context(), "z")
		require.NoError(t, err)
		assert.True(t, exists)
		exists, err = s.Models.Exists(t.Context(), "nobody")
		require.NoError(t, err)
		assert.False(t, exists)

		symbolsAdded, err := s.Symbols.Register(t.Context(), []entities.Symbol{{Symbol: "ETH"}, {Symbol: "BTC", TickSize: new(0.0)}})
		require.NoError(t, err)
		assert.Len(t, symbolsAdded, 2)
		symbols, err := s.Symbols.All(t.Context())
		require.NoError(t, err)
		require.Len(t, symbols, 2)
		assert.Equal(t, new(0.0), symbols[0].TickSize)
		assert.Equal(t, "USD", symbols[1].QuoteCurrency)
		symbolsAdded, err = s.Symbols.Register(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, symbolsAdded)
	})
}

func TestAccountsTimestamps(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, s *Store) {
		execute(t, s, "DELETE FROM accounts WHERE model_id <> $1", model1)
		created, updated := timestampsOf(t, s, "accounts")
		assert.Equal(t, created, updated)
		_, err := s.Accounts.SetInception(t.Context(), newInception(), begin)
		require.NoError(t, err)
		createdAfter, updatedAfter := timestampsOf(t, s, "accounts")
		assert.Equal(t, created, createdAfter)
		assert.True(t, updatedAfter.After(updated))
	})
}
