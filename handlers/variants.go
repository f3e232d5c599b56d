package handlers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"

	"nof0/internal/arena"
)

const (
	// variantBytes bounds the compressed bodies that are kept: many times what
	// all views of a season take together.
	variantBytes = 32 << 20
	// variantIdle is when a variant that nobody asks for is dropped. Content is
	// replaced by newer content under another key, and the frequency that an
	// old favourite has earned would otherwise keep it for long.
	variantIdle = time.Minute
	// variantOverhead is about what an entry takes beside its body.
	variantOverhead = 256
)

type variantKey struct {
	etag   string
	coding coding
}

// variant is a body in a coding, and its Content-Length.
type variant struct {
	body   []byte
	length []string
}

// variants holds every body once per coding: the entity tag names the content,
// so an entry is never stale, and however many ask for one at once, it is
// compressed once.
type variants struct {
	cache    *otter.Cache[variantKey, variant]
	compress func(to coding, body []byte) ([]byte, error)
}

func newVariants(compress func(coding, []byte) ([]byte, error)) (*variants, error) {
	cache, err := otter.New(&otter.Options[variantKey, variant]{
		MaximumWeight: variantBytes,
		Weigher: func(key variantKey, v variant) uint32 {
			return uint32(min(len(v.body)+len(key.etag)+variantOverhead, variantBytes))
		},
		ExpiryCalculator: otter.ExpiryAccessing[variantKey, variant](variantIdle),
	})
	if err != nil {
		return nil, fmt.Errorf("error setting up the cache of compressed bodies: %w", err)
	}
	return &variants{cache: cache, compress: compress}, nil
}

// peek returns a variant that is there already.
func (v *variants) peek(etag string, to coding) (variant, bool) {
	return v.cache.GetIfPresent(variantKey{etag: etag, coding: to})
}

// get returns a variant, compressing it where it is not there. Waiting for the
// compression that another request started ends with ctx; the compression
// itself does not, since others wait for it too.
func (v *variants) get(ctx context.Context, a *arena.Answer, to coding) (variant, error) {
	if known, ok := v.peek(a.ETag, to); ok {
		return known, nil
	}
	load := func(context.Context, variantKey) (variant, error) {
		body, err := v.compress(to, a.Body)
		return variant{body, []string{strconv.Itoa(len(body))}}, err
	}
	return v.cache.Get(ctx, variantKey{etag: a.ETag, coding: to},
		otter.LoaderFunc[variantKey, variant](load))
}
