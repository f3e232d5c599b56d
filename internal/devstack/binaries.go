package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the first Postgres that can drop a database in use, which the
// tests need.
const oldestMajor = 13

// binaries are the programs of one Postgres server.
type binaries struct {
	dir   string
	major int
}

func (b binaries) program(name string) string { return filepath.Join(b.dir, name) }

// search says where to look for server programs.
type search struct {
	explicit string   // a directory that somebody named; then no other is tried
	pgConfig string   // the program that prints the directory, or ""
	patterns []string // globs of directories, most trusted first
	account  *account
}

// defaultSearch looks where Debian, Red Hat and Homebrew put servers: their
// directories are not on PATH.
func defaultSearch(explicit string, a *account) search {
	return search{
		explicit: explicit,
		pgConfig: "pg_config",
		patterns: []string{
			"/usr/lib/postgresql/*/bin",
			"/usr/pgsql-*/bin",
			"/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		},
		account: a,
	}
}

// find returns the servers of this machine that can be used, best first. None
// is no error, unless one was named.
func (s search) find(ctx context.Context) ([]binaries, error) {
	if s.explicit != "" {
		b, err := s.examine(ctx, s.explicit)
		if err != nil {
			return nil, fmt.Errorf("NOF0_POSTGRES_BIN names a directory that cannot be used: %w", err)
		}
		return []binaries{b}, nil
	}
	var found []binaries
	for _, dir := range s.candidates(ctx) {
		b, err := s.examine(ctx, dir)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err == nil {
			found = append(found, b)
		}
	}
	return found, nil
}

func (s search) candidates(ctx context.Context) []string {
	var dirs []string
	if s.pgConfig != "" {
		out, err := exec.CommandContext(ctx, s.pgConfig, "--bindir").Output() //nolint:gosec // the caller names the program
		if err == nil {
			dirs = append(dirs, strings.TrimSpace(string(out)))
		}
	}
	for _, pattern := range s.patterns {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		slices.SortStableFunc(matches, func(a, b string) int { return cmp.Compare(pathMajor(b), pathMajor(a)) })
		dirs = append(dirs, matches...)
	}
	return dirs
}

// pathMajor returns the version in a path like /usr/lib/postgresql/15/bin, or 0.
func pathMajor(dir string) int {
	digits := regexp.MustCompile(`\d+`).FindString(filepath.Base(filepath.Dir(dir)))
	major, _ := strconv.Atoi(digits)
	return major
}

// examine checks that dir holds a whole server that the account can run. A
// pg_config may come with the client library alone.
func (s search) examine(ctx context.Context, dir string) (binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return binaries{}, fmt.Errorf("no Postgres server in %s: %w", dir, err)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version") //nolint:gosec // running it is the purpose
	cmd.Dir = "/"
	s.account.apply(cmd)
	out, err := cmd.Output()
	if err != nil {
		who := ""
		if s.account != nil {
			who = " as user " + s.account.name
		}
		return binaries{}, fmt.Errorf("error running %s%s: %w", cmd.Path, who, err)
	}
	major, err := parseMajor(string(out))
	if err != nil {
		return binaries{}, fmt.Errorf("error running %s: %w", cmd.Path, err)
	}
	if major < oldestMajor {
		return binaries{}, fmt.Errorf("%s is PostgreSQL %d, and %d is the oldest that will do", cmd.Path, major, oldestMajor)
	}
	return binaries{dir: dir, major: major}, nil
}

// parseMajor reads "postgres (PostgreSQL) 15.16 (Debian 15.16-0+deb12u1)".
func parseMajor(version string) (int, error) {
	match := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(version)
	if match == nil {
		return 0, fmt.Errorf("%q is not the version of a Postgres", strings.TrimSpace(version))
	}
	return strconv.Atoi(match[1])
}

// dataMajor returns the version that wrote the data directory, or 0 where there
// is none.
func dataMajor(dataDir string) (int, error) {
	content, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("error reading the version of the database files: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("error reading the version of the database files in %s: %w", dataDir, err)
	}
	return major, nil
}

// VersionError says that the database files were written by a Postgres that is
// not at hand.
type VersionError struct {
	DataDir string
	Want    int
	Have    []int
}

func (e *VersionError) Error() string {
	have := make([]string, len(e.Have))
	for i, major := range e.Have {
		have[i] = strconv.Itoa(major)
	}
	return fmt.Sprintf("the database files in %s were written by PostgreSQL %d, and only PostgreSQL %s is at hand: "+
		"set NOF0_POSTGRES_BIN to the programs of PostgreSQL %d, or move the directory away to begin with an empty database",
		e.DataDir, e.Want, strings.Join(have, ", "), e.Want)
}

// choose takes the best of found that can read the files of dataDir.
func choose(found []binaries, dataDir string) (binaries, error) {
	want, err := dataMajor(dataDir)
	if err != nil {
		return binaries{}, err
	}
	if want == 0 {
		return found[0], nil
	}
	e := &VersionError{DataDir: dataDir, Want: want}
	for _, b := range found {
		if b.major == want {
			return b, nil
		}
		if !slices.Contains(e.Have, b.major) {
			e.Have = append(e.Have, b.major)
		}
	}
	return binaries{}, e
}
