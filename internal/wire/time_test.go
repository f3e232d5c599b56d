package wire

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// times collects the texts of the times in unix seconds below a value.
func times(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			switch n, ok := member.(json.Number); {
			case ok && (strings.HasSuffix(name, "_time") || name == "timestamp" ||
				name == "inception_date" || name == "updated_at" || name == "inserted_at"):
				into[n.String()] = true
			default:
				times(member, into)
			}
		}
	case []any:
		for _, one := range v {
			times(one, into)
		}
	}
}

func TestEveryCapturedTimeComesBackExactly(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for kind, rows := range captureRows(t) {
		if kind == "crypto-prices" {
			continue // milliseconds
		}
		for _, row := range rows {
			dec := json.NewDecoder(strings.NewReader(string(row.raw)))
			dec.UseNumber()
			var v any
			require.NoError(t, dec.Decode(&v))
			times(v, seen)
		}
	}
	require.Greater(t, len(seen), 500)
	for text := range seen {
		s, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		require.Equal(t, s, Seconds(Time(s)), text) //nolint:testifylint // the same double, not a near one
	}
}

func TestSixDecimalsComeBackExactlyUpToTheLastSecond(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(whole, micros int64) {
		text := strconv.FormatInt(whole, 10) + "." + strconv.FormatInt(1e6+micros, 10)[1:]
		s, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		if s >= MaxSeconds {
			return // rounds up to what is refused
		}
		if got := Seconds(Time(s)); got != s {
			require.Failf(t, "another double", "%s became %v", text, got)
		}
		if whole < 1<<33 { // further on, doubles are too far apart for microseconds
			require.Equal(t, time.Unix(whole, micros*1000).UTC(), Time(s), text)
		}
	}
	// 2^53 microseconds, past which they are no longer exact in a double.
	const turn = 1 << 53 / 1_000_000
	for range 30_000 {
		check(rng.Int64N(MaxSeconds), rng.Int64N(1e6))
		check(rng.Int64N(4e9), rng.Int64N(1e6))
		check(turn-50+rng.Int64N(100), rng.Int64N(1e6))
	}
	for _, whole := range []int64{0, 1, 1760741958, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, turn, turn + 1, MaxSeconds - 1} {
		for _, micros := range []int64{0, 1, 499_999, 500_000, 999_999} {
			check(whole, micros)
		}
	}
}

func TestTimeIsUTCAndRoundedToMicroseconds(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Date(2025, 10, 17, 22, 59, 18, 847073000, time.UTC), Time(1760741958.847073))
	require.Equal(t, time.UnixMicro(1).UTC(), Time(0.0000014))
	require.Equal(t, time.UnixMicro(2).UTC(), Time(0.0000016))
	require.Equal(t, time.Unix(2, 0).UTC(), Time(1.9999999), "rounding carries into the seconds")
	require.Equal(t, time.Unix(0, 0).UTC(), Time(0))
	require.Equal(t, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), Time(MaxSeconds-1))
}

func TestMillisComeBackExactly(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{0, 1, 1761452335744, MaxSeconds*1000 - 1} {
		require.Equal(t, ms, Millis(MillisTime(ms)))
		require.Equal(t, time.UTC, MillisTime(ms).Location())
	}
}
