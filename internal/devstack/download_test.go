package devstack

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestDownload(t *testing.T) {
	t.Parallel()
	repository, requests := fakeRepository(t)
	account, err := databaseAccount(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	dir := passableDir(t)
	var done, total int
	d := download{
		dir: filepath.Join(dir, "server"), version: downloadVersion, repository: repository, account: account,
		progress: func(d, t int) { done, total = d, t },
	}
	bin, err := d.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := search{account: account}.examine(t.Context(), bin)
	if err != nil || b.major != 18 {
		t.Errorf("got %v, %v", b, err)
	}
	if total == 0 || done != total {
		t.Errorf("progress ended at %d of %d bytes", done, total)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the server lie %v, %v", entries, err)
	}

	before := requests.Load()
	if again, err := d.run(t.Context()); err != nil || again != bin {
		t.Errorf("got %s, %v", again, err)
	}
	if requests.Load() != before {
		t.Error("it was downloaded twice")
	}
}

func TestAFailedDownloadIsExplained(t *testing.T) {
	t.Parallel()
	absent := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(absent.Close)
	garbled := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>log in to this network first</html>"))
	}))
	t.Cleanup(garbled.Close)
	for name, c := range map[string]struct{ repository, reason string }{
		"unreachable": {"http://127.0.0.1:1", "connection refused"},
		"unknown":     {"http://no-such-host.invalid", "no-such-host.invalid"},
		"absent":      {absent.URL, "404 Not Found"},
		"garbled":     {garbled.URL, "checksums do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := download{dir: filepath.Join(dir, "server"), version: downloadVersion, repository: c.repository}.run(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{c.reason, c.repository, "apt-get install postgresql", "DATABASE_URL"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestADownloadCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	}))
	dir := t.TempDir()
	_, err := download{dir: filepath.Join(dir, "server"), version: downloadVersion, repository: server.URL}.run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	server.Close()
	within(t, "what the download left is removed", func() bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) == 0
	})
}

// fakeRepository serves archives in the layout of the real one: a jar around a
// txz of bin/initdb, bin/pg_ctl and bin/postgres, which are shell scripts here.
func fakeRepository(t *testing.T) (url string, requests *atomic.Int64) {
	t.Helper()
	content, err := os.ReadFile("testdata/server.txz")
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	entry, err := w.Create("postgres.txz")
	if err == nil {
		_, err = entry.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write(jar.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}
