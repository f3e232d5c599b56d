package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nof0/internal/wire"
)

// write replaces one file.
func write(dir string, kind Kind, model string, payload any) error {
	return Edit(context.Background(), dir, func(e *Editing) error {
		_, err := e.Put(kind, model, payload)
		return err
	})
}

// only requires that a directory holds these names, the lock, and no others.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		if e.Name() != lockName {
			got = append(got, e.Name())
		}
	}
	require.Equal(t, names, got)
}

func TestWriteIsReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, write(dir, SinceInception, "", wire.SinceInceptionValues{
		SinceInceptionValues: []wire.SinceInception{{ModelID: "m", NavSinceInception: 10000, InceptionDate: 1.5}}, ServerTime: 7,
	}))
	require.NoError(t, write(dir, ModelAnalytics, "a.b-c", wire.Analytics{Analytics: nil, ServerTime: 8}))
	only(t, dir, "analytics-a.b-c.json", "since-inception-values.json")
	body, err := os.ReadFile(filepath.Join(dir, "since-inception-values.json"))
	require.NoError(t, err)
	require.Equal(t, `{"sinceInceptionValues":[{"model_id":"m","nav_since_inception":10000,"inception_date":1.5}],"serverTime":7}`, string(body))
	c, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, int64(7), c.File(SinceInception).ServerTime)
	require.Equal(t, "a.b-c", c.File(ModelAnalytics).Model)
	info, err := os.Stat(filepath.Join(dir, "since-inception-values.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "others may read it")
}

func TestAReaderNeverSeesAHalfOrMissingFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(n int) wire.Trades {
		trades := make([]wire.Trade, 1+n%37) // of another size each time
		for i := range trades {
			trades[i] = wire.Trade{ID: fmt.Sprint(n), Side: "long"}
		}
		return wire.Trades{Trades: trades, ServerTime: int64(n)}
	}
	require.NoError(t, write(dir, Trades, "", version(0)))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				c, err := Read(dir)
				if err != nil {
					t.Errorf("half a file: %v", err)
					return
				}
				f := c.File(Trades)
				if f == nil || len(f.Rows) != 1+int(f.ServerTime)%37 || f.ServerTime < last || len(c.Ignored) > 0 {
					t.Errorf("not one version: %+v after %d", f, last)
					return
				}
				last = f.ServerTime
			}
		})
	}
	for n := range 200 {
		if err := write(dir, Trades, "", version(n)); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
	only(t, dir, "trades.json")
}

func TestAFailedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	t.Parallel()
	t.Run("payload that cannot be rendered", func(t *testing.T) {
		t.Parallel()
		dir := directory(t, map[string]string{"leaderboard.json": "old"})
		err := write(dir, Leaderboard, "", map[string]any{"leaderboard": func() {}})
		require.ErrorContains(t, err, "error rendering leaderboard.json")
		only(t, dir, "leaderboard.json")
		body, err := os.ReadFile(filepath.Join(dir, "leaderboard.json"))
		require.NoError(t, err)
		require.Equal(t, "old", string(body))
	})
	t.Run("target that cannot be replaced", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "trades.json", "x"), 0o700))
		require.Error(t, write(dir, Trades, "", wire.Trades{}))
		only(t, dir, "trades.json")
		only(t, filepath.Join(dir, "trades.json"), "x")
	})
	t.Run("no directory", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, write(filepath.Join(t.TempDir(), "nothing"), Trades, "", wire.Trades{}), os.ErrNotExist)
	})
	t.Run("directory that is a file", func(t *testing.T) {
		t.Parallel()
		dir := directory(t, map[string]string{"file": "old"})
		require.Error(t, write(filepath.Join(dir, "file"), Trades, "", wire.Trades{}))
		only(t, dir, "file")
	})
	t.Run("stopped before the renaming", func(t *testing.T) {
		t.Parallel()
		// What a killed writer leaves: half a file under a name of its own.
		dir := directory(t, map[string]string{"trades.json": `{"trades":[{}]}`, ".trades.json.4711": `{"tra`})
		c, err := Read(dir)
		require.NoError(t, err)
		require.Len(t, c.File(Trades).Rows, 1)
		require.Empty(t, c.Ignored)
		require.NoError(t, write(dir, Trades, "", wire.Trades{Trades: []wire.Trade{}}))
		body, err := os.ReadFile(filepath.Join(dir, "trades.json"))
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(body, []byte(`{"trades":[]`)))
	})
}

func TestAModelCannotNameAFileElsewhere(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"a/b", "/../../x", "../x", "/"} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "dir")
		// With this directory, a path through it would lead out again.
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "analytics-"), 0o700))
		require.Error(t, write(dir, ModelAnalytics, model, wire.Analytics{}), model)
		only(t, parent, "dir")
		only(t, dir, "analytics-")
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for kind := range envelopes {
		name := FileName(kind, "m-1.2")
		got, model, ok := KindOf(name)
		require.True(t, ok, name)
		require.Equal(t, kind, got)
		require.Equal(t, kind == ModelAnalytics, model == "m-1.2")
		require.NotContains(t, FileName(kind, ""), "/")
	}
}

// TestAKilledEditIsFinished builds what a process leaves that was killed while
// it replaced several files.
func TestAKilledEditIsFinished(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"trades.json":           `{"trades":[],"serverTime":2}`, // replaced before the end
		"positions.json":        `{"accountTotals":[],"serverTime":1}`,
		".positions.json.1234":  `{"accountTotals":[],"serverTime":2}`,
		"analytics-m.json":      `{"analytics":[]}`,
		".account-totals.json.": "no temporary file",
		".conversations.json.9": `{"conver`, // of one that was killed earlier
		".commit":               `{"replace":{"trades.json":".trades.json.77","positions.json":".positions.json.1234"},"remove":["analytics-m.json"]}`,
		"..commit.55":           `{`,
		".editor.swp":           "somebody else's",
	}
	dir := directory(t, files)
	require.NoError(t, Edit(t.Context(), dir, func(*Editing) error { return nil }))
	only(t, dir, ".account-totals.json.", ".editor.swp", "positions.json", "trades.json")
	c, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, int64(2), c.File(Positions).ServerTime)
	require.Equal(t, int64(2), c.File(Trades).ServerTime)
}

func TestTheLockIsWaitedForAsLongAsTheCallerWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held, release := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		if err := Edit(context.Background(), dir, func(*Editing) error { close(held); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Edit(ctx, dir, func(*Editing) error { return nil }), context.DeadlineExceeded)
	close(release)
	holder.Wait()
	require.NoError(t, Edit(t.Context(), dir, func(*Editing) error { return nil }))
}

// A child that is forked and has not reached exec yet shares every file of its parent.
func TestALockThatAForkSharesIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	forked, err := syscall.Dup(int(lock.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(forked) })
	unlockFile(lock)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	unlock, err := lockDir(ctx, dir)
	require.NoError(t, err)
	unlock()
}
