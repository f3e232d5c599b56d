package devstack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestServersAreFoundNewestFirst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	nine, fifteen, sixteen := filepath.Join(root, "9.6", "bin"), filepath.Join(root, "15", "bin"), filepath.Join(root, "16", "bin")
	fakeServer(t, nine, "9.6.24")
	fakeServer(t, fifteen, "15.16 (Debian 15.16-0+deb12u1)")
	fakeServer(t, sixteen, "16beta1")
	clientOnly := filepath.Join(root, "17", "bin")
	if err := os.MkdirAll(clientOnly, 0o700); err != nil {
		t.Fatal(err)
	}
	pgConfig := filepath.Join(root, "pg_config")
	script(t, pgConfig, "echo "+clientOnly)

	found, err := search{pgConfig: pgConfig, patterns: []string{root + "/*/bin"}}.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []binaries{{dir: sixteen, major: 16}, {dir: fifteen, major: 15}}
	if !slices.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}

	found, err = search{explicit: fifteen, patterns: []string{root + "/*/bin"}}.find(t.Context())
	if err != nil || !slices.Equal(found, want[1:]) {
		t.Errorf("the named one: %v, %v", found, err)
	}
	for _, dir := range []string{nine, clientOnly, filepath.Join(root, "none")} {
		if _, err := (search{explicit: dir}).find(t.Context()); err == nil || !strings.Contains(err.Error(), "NOF0_POSTGRES_BIN") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	found, err = search{pgConfig: filepath.Join(root, "none")}.find(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("an empty machine: %v, %v", found, err)
	}
}

func TestTheServerFitsTheData(t *testing.T) {
	t.Parallel()
	found := []binaries{{major: 16}, {major: 15}, {major: 15}}
	data := t.TempDir()
	if got, err := choose(found, data); err != nil || got.major != 16 {
		t.Errorf("without data: %v, %v", got, err)
	}
	for version, want := range map[string]string{
		"15\n": "",
		"14\n": "were written by PostgreSQL 14, and only PostgreSQL 16, 15 is at hand: set NOF0_POSTGRES_BIN",
		"x\n":  "error reading the version",
	} {
		if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := choose(found, data)
		switch {
		case want == "" && (err != nil || got.major != 15):
			t.Errorf("%q: %v, %v", version, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", version, err)
		}
	}
}

func fakeServer(t *testing.T, dir, version string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	script(t, filepath.Join(dir, "initdb"), "")
	script(t, filepath.Join(dir, "postgres"), fmt.Sprintf("echo 'postgres (PostgreSQL) %s'", version))
}

func script(t *testing.T, path, body string) {
	t.Helper()
	writeProgram(t, path, strings.NewReader("#!/bin/sh\n"+body+"\n"))
}
