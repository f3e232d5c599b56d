package handlers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"nof0/internal/arena"
)

func countingVariants(t *testing.T) (*variants, *atomic.Int64) {
	t.Helper()
	var count atomic.Int64
	v, err := newVariants(func(to coding, body []byte) ([]byte, error) {
		count.Add(1)
		return append([]byte(to+":"), body...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, &count
}

func TestVariantsAreMadeOncePerContentAndCoding(t *testing.T) {
	t.Parallel()
	v, count := countingVariants(t)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 1000 {
		wg.Go(func() {
			<-start
			for _, etag := range []string{"a", "b"} {
				for _, to := range []coding{brotlied, gzipped} {
					got, err := v.get(t.Context(), &arena.Answer{ETag: etag, Body: []byte(etag)}, to)
					if err != nil || string(got.body) != string(to)+":"+etag {
						t.Errorf("%s, %v", got, err)
					}
				}
			}
		})
	}
	close(start)
	wg.Wait()
	if count.Load() != 4 {
		t.Errorf("compressed %d times, want 4", count.Load())
	}
	if _, ok := v.peek("a", zstandard); ok {
		t.Error("a variant that nobody asked for is there")
	}
}

func TestVariantsAreBounded(t *testing.T) {
	t.Parallel()
	v, err := newVariants(func(_ coding, body []byte) ([]byte, error) { return body, nil })
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, variantBytes/8)
	for i := range 64 {
		if _, err := v.get(t.Context(), &arena.Answer{ETag: string(rune('a' + i)), Body: body}, gzipped); err != nil {
			t.Fatal(err)
		}
	}
	v.cache.CleanUp()
	if size := v.cache.WeightedSize(); size == 0 || size > variantBytes {
		t.Errorf("%d bytes are kept, at most %d may be", size, variantBytes)
	}
}

func TestVariantsDoNotKeepFailures(t *testing.T) {
	t.Parallel()
	failing := true
	v, err := newVariants(func(coding, []byte) ([]byte, error) {
		if failing {
			return nil, errors.New("failed")
		}
		return []byte("x"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &arena.Answer{ETag: "a", Body: []byte("a")}
	if _, err := v.get(t.Context(), a, gzipped); err == nil {
		t.Error("no error")
	}
	failing = false
	if got, err := v.get(t.Context(), a, gzipped); err != nil || string(got.body) != "x" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWaitingForAVariantEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	v, err := newVariants(func(coding, []byte) ([]byte, error) {
		close(started)
		<-release
		return []byte("x"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &arena.Answer{ETag: "a", Body: []byte("a")}
	owner, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = v.get(owner, a, gzipped) })
	<-started
	// The one who started it leaves, and so does one who waits: neither takes
	// the variant from those who stay.
	leave()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.get(gone, a, gzipped); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	stays := make(chan string)
	wg.Go(func() {
		got, err := v.get(t.Context(), a, gzipped)
		if err != nil {
			t.Error(err)
		}
		stays <- string(got.body)
	})
	close(release)
	if got := <-stays; got != "x" {
		t.Errorf("got %q", got)
	}
	wg.Wait()
}
