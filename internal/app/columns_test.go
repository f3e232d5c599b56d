package app_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/wire"
	"nof0/internal/wire/wiretest"
)

// TestEveryMemberComesBack holds that whatever members a payload has by now go
// in through ingest and come back through GET. The mapping alone is compared
// with the entities in internal/mapping.
func TestEveryMemberComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *config.Config) { c.IngestToken = ingestToken })
	const begin = 1760000000.5
	type given = map[string]any
	full := func(payload any, values given) given {
		row := wiretest.Full(t, payload, values)
		row["unknown"] = given{"deep": []any{nil, "é", 1.5}}
		return row
	}
	position := full(&wire.Position{}, given{"symbol": "ETH", "entry_oid": 7.0, "entry_time": begin + 1.25})
	inception := full(&wire.SinceInception{}, given{"model_id": "m", "nav_since_inception": 10000.0, "inception_date": begin})
	message := full(&wire.Message{}, given{"role": "user", "timestamp": begin + 2.5})
	thread := full(&wire.Thread{}, given{
		"model_id": "m", "messages": []any{message}, "timestamp": begin + 2.5, "user_prompt": message["content"],
	})
	delete(thread, "cot_trace_summary") // of an answer, and here is none
	for _, c := range []struct {
		kind string
		body given
		path string
		want given // what comes back; nil is the body
	}{
		{"models", full(&wire.Model{}, given{"id": "m", "kind": "competitor", "since_inception": inception}), "since-inception-values", inception},
		{"trades", full(&wire.Trade{}, given{
			"model_id": "m", "side": "short", "quantity": -2.5, "entry_time": begin + 3.25, "exit_time": begin + 4.75, "provider": config.Default().Arena.PrimaryProvider,
		}), "trades", nil},
		{"equity", full(&wire.AccountTotal{}, given{
			"id": "of its own", "model_id": "m", "timestamp": begin + 7*3600 + 65.5, "positions": given{"ETH": position},
			"since_inception_hourly_marker": 7.0, "since_inception_minute_marker": 421.0,
		}), "account-totals", nil},
		{"positions", given{"model_id": "m", "position": position}, "positions", given{"model_id": "m", "positions": given{"ETH": position}}},
		{"prices", full(&wire.Price{}, given{"symbol": "BTC", "timestamp": 1760000000123.0, "provider": config.Default().Arena.PrimaryProvider}), "crypto-prices", nil},
		{"decisions", full(&wire.Decision{}, given{"model_id": "m", "timestamp": begin + 5.25, "inserted_at": begin + 5.5}), "conversations", nil},
		{"conversations", thread, "conversations", nil},
		{"analytics", full(&wire.AnalyticsDoc{}, given{"model_id": "m", "updated_at": 1770000000.5}), "analytics/m", nil},
	} {
		text, err := json.Marshal(c.body)
		require.NoError(t, err)
		post(t, b.url, c.kind, string(text))
		if c.want == nil {
			c.want = c.body
		}
		want, err := json.Marshal(c.want)
		require.NoError(t, err)
		res := get(t, b.url+"/api/"+c.path)
		require.True(t, slices.ContainsFunc(objectsIn(res.object(t)), func(o map[string]any) bool {
			got, err := json.Marshal(o)
			require.NoError(t, err)
			return string(got) == string(want)
		}), "%s is not in %s:\n%s\n%s", c.kind, c.path, want, res.body)
	}
}

// objectsIn returns the objects of the first two levels of an answer.
func objectsIn(answer map[string]any) (found []map[string]any) {
	for _, member := range answer {
		switch m := member.(type) {
		case map[string]any:
			for _, row := range m {
				if o, ok := row.(map[string]any); ok {
					found = append(found, o)
				}
			}
		case []any:
			for _, row := range m {
				if o, ok := row.(map[string]any); ok {
					found = append(found, o)
				}
			}
		}
	}
	return found
}
