package handlers

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHomeOfAProgram(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, accept := range []string{"application/json", "*/*", "", "text/html;q=0.1, application/json", "text/plain"} {
		w := b.do("GET", "/", "Accept", accept)
		require.Equal(t, http.StatusOK, w.Code, accept)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var document struct {
			Links []link `json:"links"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
		require.Contains(t, document.Links, link{"docs", "This document for people"})
		for _, l := range document.Links {
			require.False(t, strings.HasPrefix(l.Path, "/") || strings.Contains(l.Path, "admin") || strings.Contains(l.Path, "{"), l.Path)
			require.NotEmpty(t, l.Summary)
		}
	}
}

// Programs name an operation by its id.
func TestOpenAPIOperationsHaveNames(t *testing.T) {
	t.Parallel()
	named := map[string]string{}
	operations(t, openAPI(t), func(path string, operation map[string]any) {
		id, _ := operation["operationId"].(string)
		assert.Regexp(t, `^[a-z][A-Za-z]+$`, id, path)
		assert.Empty(t, named[id], "%s and %s are both %s", named[id], path, id)
		named[id] = path
	})
}
