// Package captures gives tests the captures of the arena that they read: two of
// one season, some time apart.
//
// `make test` reads those that the project ships in testdata/: small, made by
// the season generator (`make testdata`), with every oddity of live ones.
// `make test-captures DATA=DIR` builds with the tag captures, reads live ones
// from DIR, and runs the tests that have Capture in their name.
package captures

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Capture is a directory of captured payloads.
type Capture struct {
	Name string
	// Rows counts its rows by kind of file, as another program counted them.
	Rows map[string]int
	// Threads and Decisions are its conversations by shape, OpenPositions those
	// of positions.json.
	Threads, Decisions, OpenPositions int
}

// Both returns the two captures, the earlier one first.
func Both() []Capture { return []Capture{Earlier, Later} }

// Dir returns where the capture is, which is not to be written to. It fails a
// test that make test-captures would not find by its name, and one whose capture
// is missing.
func (c Capture) Dir(t testing.TB) string {
	t.Helper()
	if name, _, _ := strings.Cut(t.Name(), "/"); !strings.Contains(name, "Capture") {
		t.Fatalf("%s reads a capture: give it a name with Capture in it, so that make test-captures runs it", name)
	}
	dir := filepath.Join(root(t), c.Name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("a capture is missing: %v", err)
	}
	return dir
}

// Copy returns a copy of the capture that the test may change.
func (c Capture) Copy(t testing.TB) string {
	t.Helper()
	from, to := c.Dir(t), filepath.Join(t.TempDir(), c.Name)
	entries, err := os.ReadDir(from)
	if err == nil {
		err = os.Mkdir(to, 0o755) //nolint:gosec // captures are public
	}
	for _, e := range entries {
		var body []byte
		if err == nil {
			body, err = os.ReadFile(filepath.Join(from, e.Name()))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), body, 0o600) //nolint:gosec // the names are those of the capture
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Testdata returns the directory of the captures that the project ships.
func Testdata(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata")
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("this test runs outside of the project (%v)", err)
	return ""
}
