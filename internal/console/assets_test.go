package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The libraries are those that make console-assets wrote, byte by byte: the lock file
// has their versions, and npm holds them to its digests.
func TestLibrariesAreAsPublished(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("libraries.sha256")
	require.NoError(t, err)
	published := map[string]string{}
	for line := range strings.Lines(string(list)) {
		digest, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, ok, line)
		published["lib/"+name] = digest
	}
	assets, _, err := readAssets()
	require.NoError(t, err)
	held := map[string]string{}
	for name, asset := range assets {
		if strings.HasPrefix(name, "lib/") {
			digest := sha256.Sum256(asset.Body)
			held[name] = hex.EncodeToString(digest[:])
		}
	}
	require.Equal(t, published, held)
}

// A page has nothing inline, loads what is there, and asks no other host.
func TestTemplatesObeyThePolicy(t *testing.T) {
	t.Parallel()
	assets, _, err := readAssets()
	require.NoError(t, err)
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:|https?://|<script(>|[^>]*>[^<])|hx-on|hx-vals="js`, string(body), file)
		for _, used := range regexp.MustCompile(`\{\{\.Assets\}\}([^"]+)"`).FindAllStringSubmatch(string(body), -1) {
			assert.Contains(t, assets, used[1], file)
		}
	}
	for name, asset := range assets {
		require.NotEmpty(t, asset.Type, name)
	}
}

// All that the first page loads, with room for the page itself and its data.
func TestAssetsAreSmall(t *testing.T) {
	t.Parallel()
	assets, _, err := readAssets()
	require.NoError(t, err)
	var all bytes.Buffer
	for _, asset := range assets {
		compressor := gzip.NewWriter(&all)
		_, err := compressor.Write(asset.Body)
		require.NoError(t, err)
		require.NoError(t, compressor.Close())
	}
	require.Less(t, all.Len(), 80_000)
}
