package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDashboardsShowWhatThereIs holds that alerts and dashboards ask for
// metrics that the program has: one that was renamed would stay silent.
func TestDashboardsShowWhatThereIs(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	known := map[string]bool{
		"nof0_redis_breaker_state": true, "nof0_redis_foreign": true, "nof0_redis_refusing": true, "nof0_redis_refusals_total": true,
	}
	full, cached := regexp.MustCompile(`Name: +"(nof0_[a-z_]+)"|gauge\("(nof0_[a-z_]+)"`), regexp.MustCompile(`counter\("([a-z_]+)"`)
	for _, dir := range []string{"cachelayer", "internal"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, found := range full.FindAllStringSubmatch(string(source), -1) {
				known[found[1]+found[2]] = true
			}
			if dir == "cachelayer" {
				for _, found := range cached.FindAllStringSubmatch(string(source), -1) {
					known["nof0_cache_"+found[1]] = true
				}
			}
			return err
		}))
	}
	require.Greater(t, len(known), 25)

	asked := regexp.MustCompile(`nof0_[a-z_]+[a-z]`)
	for _, name := range []string{"prometheus/rules.yml", "grafana/dashboards/nof0.json"} {
		raw, err := os.ReadFile(filepath.Join(root, "deploy", filepath.FromSlash(name)))
		require.NoError(t, err)
		metrics := asked.FindAllString(string(raw), -1)
		require.NotEmpty(t, metrics)
		for _, metric := range slices.Compact(slices.Sorted(slices.Values(metrics))) {
			base := strings.TrimSuffix(strings.TrimSuffix(metric, "_bucket"), "_count")
			require.True(t, known[base], "%s asks for %s, which nothing publishes", name, metric)
		}
	}
}

// TestEveryAlertHasARunbook holds that who is woken finds what to do, and that nothing is
// explained that wakes nobody.
func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "rules.yml"))
	require.NoError(t, err)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "alerts.md"))
	require.NoError(t, err)
	var alerts, links []string
	for _, found := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		alerts = append(alerts, found[1])
		links = append(links, "docs/alerts.md#"+strings.ToLower(found[1]))
	}
	var explained []string
	for _, found := range regexp.MustCompile(`(?m)^### (\w+)\n\n(?:Page|Ticket)\. \S`).FindAllStringSubmatch(string(doc), -1) {
		explained = append(explained, found[1])
	}
	require.NotEmpty(t, alerts)
	require.ElementsMatch(t, alerts, explained)
	require.Equal(t, links, regexp.MustCompile(`docs/alerts\.md#\w+`).FindAllString(string(rules), -1), "each alert links to its own")
	for _, name := range alerts {
		_, rule, _ := strings.Cut(string(rules), "alert: "+name+"\n")
		_, section, _ := strings.Cut(string(doc), "### "+name+"\n\n")
		severity := regexp.MustCompile(`severity: (\w+)`).FindStringSubmatch(rule)[1]
		require.True(t, strings.HasPrefix(strings.ToLower(section), severity+"."), "%s is a %s", name, severity)
	}
}
