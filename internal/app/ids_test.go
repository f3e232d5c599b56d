package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnIDThatNoAddressCanNameIsRefused holds that every kind of write says which member
// has an id that nothing could be asked of.
func TestAnIDThatNoAddressCanNameIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withIngest)
	for _, id := range []string{".", "..", " a", "a ", "a\x00b", "a\nb", "a\u0085b", "{a}", "", strings.Repeat("x", 300)} {
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		for kind, body := range map[string]string{
			"models":    `{"id":%s}`,
			"prices":    `{"symbol":%s,"price":190.5,"timestamp":1761452335744}`,
			"decisions": `{"id":%s,"model_id":%[1]s,"timestamp":1761450000,"user_prompt":"x","llm_response":{}}`,
			"trades": `{"trade":{"id":%s,"model_id":%[1]s,"symbol":%[1]s,"side":"long","quantity":1,"entry_time":1761450000,` +
				`"exit_time":1761450001,"entry_price":200,"exit_price":201,"realized_net_pnl":1},"remaining":null}`,
			"positions": `{"model_id":%s,"position":{"symbol":%[1]s,"entry_oid":9,"entry_price":200,"quantity":5,"entry_time":1761450002}}`,
		} {
			res := request(t, ingestToken, http.MethodPost, b.url+"/api/ingest/"+kind+"?register=true", fmt.Sprintf(body, quoted))
			require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode, "%s %q: %s", kind, id, res.body)
			require.Regexp(t, `"(/trade|/position)?/(id|model_id|symbol)"`, string(res.body), "%s %q", kind, id)
		}
	}
}
