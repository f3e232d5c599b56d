package mirror

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"nof0/atlas/atlastest"
	"nof0/internal/analytics"
	"nof0/internal/arena"
	"nof0/internal/cutover/jsonstore"
	"nof0/internal/season"
	"nof0/internal/testdb"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
	"nof0/repository"
)

const (
	primary   = "hyperliquid"
	benchmark = "buynhold_btc"
)

// bundle is a database that writes go to, and a JSON directory that follows.
type bundle struct {
	dir    string
	dsn    string
	store  *repository.Store
	db     *pgx.Conn
	intake *arena.Intake
	json   arena.Source
	mirror *Mirror
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupOn(t, testdb.New(t, atlastest.Migrator{}))
}

// setupOn is setup on a database.
func setupOn(t *testing.T, dsn string) *bundle {
	t.Helper()
	b := &bundle{dir: t.TempDir(), dsn: dsn}
	var err error
	b.store, err = repository.Open(t.Context(), repository.Options{DSN: b.dsn, MaxOpen: 10, MaxIdle: 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	b.db, err = pgx.Connect(t.Context(), b.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.db.Close(context.Background())) })
	b.intake = arena.NewIntake(arena.IntakeOptions{
		Bounds: wiretest.Bounds(),
		Store:  b.store, PrimaryProvider: primary, Benchmarks: []string{benchmark},
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	b.json = jsonstore.NewSource(jsonstore.SourceOptions{
		Dir: b.dir, PrimaryProvider: primary, Benchmarks: []string{benchmark}, Now: time.Now,
	})
	b.mirror = b.newMirror(t)
	return b
}

func (b *bundle) newMirror(t *testing.T) *Mirror {
	t.Helper()
	return New(Options{
		Dir: b.dir, Store: b.store, PrimaryProvider: primary, Registerer: prometheus.NewRegistry(),
		Interval: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, LagInterval: 5 * time.Millisecond,
	})
}

// set sets the switch of writes of domains.
func (b *bundle) set(t *testing.T, mode arena.WriteMode, domains ...arena.Domain) {
	t.Helper()
	for _, d := range domains {
		_, err := b.db.Exec(t.Context(), `INSERT INTO rollout_switches (domain, read_mode, write_mode) VALUES ($1, 'json', $2)
			ON CONFLICT (domain) DO UPDATE SET write_mode = excluded.write_mode`, d, mode)
		require.NoError(t, err)
	}
}

// send takes in items that must all be accepted, and relays their events.
func (b *bundle) send(t *testing.T, kind arena.IngestKind, items ...string) {
	t.Helper()
	b.take(t, batch(kind, items...))
	b.relay(t)
}

func batch(kind arena.IngestKind, items ...string) arena.Batch {
	w := arena.Batch{Kind: kind, Register: true}
	for _, item := range items {
		w.Items = append(w.Items, jsontext.Value(item))
	}
	return w
}

func rendered(t *testing.T, v any) string {
	t.Helper()
	body, err := wire.Marshal(v)
	require.NoError(t, err)
	return string(body)
}

func (b *bundle) take(t *testing.T, w arena.Batch) {
	t.Helper()
	reply, err := b.intake.Ingest(t.Context(), w)
	require.NoError(t, err)
	for _, r := range reply.Results {
		require.Nil(t, r.Rejected, "%+v", r.Rejected)
	}
}

// relay marks events as the relay does.
func (b *bundle) relay(t *testing.T) {
	t.Helper()
	models, err := b.store.Outbox.Pending(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.store.InTx(t.Context(), func(ctx context.Context, tx repository.Repositories) error {
		events, err := tx.Outbox.Claim(ctx, models, 10_000)
		if err != nil {
			return err
		}
		return tx.Outbox.MarkRelayed(ctx, events, time.Now())
	}))
}

// play takes in a small season.
func (b *bundle) play(t *testing.T) {
	t.Helper()
	s, err := season.Generate(t.Context(), season.Options{Seed: 5, Models: 4, Hours: 12})
	require.NoError(t, err)
	for e, err := range s.Plan(season.PlanOptions{Analytics: true}).Events() {
		require.NoError(t, err)
		if e.Kind == season.KindPrices && e.At.Minute() > 2 {
			continue
		}
		w := arena.Batch{Kind: arena.IngestKind(e.Kind), Register: true, Items: []jsontext.Value{e.Body}}
		if e.Items > 1 {
			var list struct{ Items []jsontext.Value }
			require.NoError(t, wire.Unmarshal(e.Body, &list))
			w.Items = list.Items
		}
		b.take(t, w)
	}
	b.relay(t)
}

// same holds the files to the store, view by view.
func (b *bundle) same(t *testing.T, domains ...arena.Domain) {
	t.Helper()
	store := arena.NewStore(b.store.Repositories, primary, time.Now)
	for _, d := range domains {
		require.Equal(t, answers(t, store, d), answers(t, b.json, d), "the answers of %s", d)
	}
}

// answers are those of every view of a domain, without serverTime.
func answers(t *testing.T, s arena.Source, d arena.Domain) []string {
	t.Helper()
	ctx := t.Context()
	var all []string
	add := func(v any, err error) {
		t.Helper()
		require.NoError(t, err)
		all = append(all, rendered(t, v))
	}
	switch d {
	case arena.DomainPrices:
		v, err := s.CryptoPrices(ctx)
		add(v.Prices, err)
	case arena.DomainTrades:
		v, err := s.Trades(ctx)
		add(v.Trades, err)
	case arena.DomainPositions:
		v, err := s.Positions(ctx, 0)
		add(v.AccountTotals, err)
	case arena.DomainAccounts:
		v, err := s.AccountTotals(ctx, 3)
		v.ServerTime = 0
		add(v, err)
		i, err := s.SinceInception(ctx)
		add(i.SinceInceptionValues, err)
	case arena.DomainAnalytics:
		v, err := s.Analytics(ctx)
		if _, isStore := s.(*arena.Store); isStore {
			// It answers with metrics of no facts where it has no document; no file
			// has these.
			v.Analytics = slices.DeleteFunc(v.Analytics, func(raw jsontext.Value) bool {
				var doc analytics.Document
				require.NoError(t, wire.Unmarshal(raw, &doc))
				return doc.UpdatedAt.IsZero() && !doc.Coverage.IsZero()
			})
		}
		add(v.Analytics, err)
		l, err := s.Leaderboard(ctx)
		add(l.Leaderboard, err)
	case arena.DomainConversations:
		v, err := s.Conversations(ctx)
		add(v.Conversations, err)
	}
	return all
}
