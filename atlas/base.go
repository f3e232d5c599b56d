package atlas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
)

// Base is a state of the migration directory that others have, so that it may
// only grow.
type Base struct {
	Commit string            // in short
	Is     string            // what it is, for people
	Files  map[string][]byte // the migration files by name
}

// has reports whether the file is one of the base, unchanged.
func (b Base) has(file migrate.File) bool {
	content, ok := b.Files[file.Name()]
	return ok && bytes.Equal(content, file.Bytes())
}

// kept finds what was not only appended to the base.
func (b Base) kept(files []migrate.File) []Finding {
	var found []Finding
	find := func(name, text string) {
		found = append(found, RuleHistory.finding(name, 0, fmt.Sprintf(text, b)))
	}
	newest := ""
	for name, content := range b.Files {
		version, _, _ := strings.Cut(name, "_")
		newest = max(newest, version)
		i := slices.IndexFunc(files, func(f migrate.File) bool { return f.Name() == name })
		switch {
		case i < 0:
			find(name, "it was removed, and is in %s")
		case !bytes.Equal(files[i].Bytes(), content):
			find(name, "it was edited, and is otherwise in %s")
		}
	}
	for _, file := range files {
		if _, old := b.Files[file.Name()]; !old && file.Version() <= newest {
			find(file.Name(), "it is older than the newest of %s, after which it would have to run: give it and its rollback a newer version, then run nof0 migrate sum")
		}
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.File, b.File) })
	return found
}

func (b Base) String() string { return fmt.Sprintf("%s (%s)", b.Commit, b.Is) }

// NoBaseError says that there is nothing to compare the migration directory
// with, so that nobody knows whether it only grew.
type NoBaseError struct{ Reason string }

func (e *NoBaseError) Error() string {
	return "nobody knows whether the migrations only grew: " + e.Reason
}

// FindBases returns the states that a migration directory on disk must keep:
// where its branch left main, or, on main itself, the commit before; and the
// last tag. A ref, where given, is taken instead; empty is none.
//
// Errors: *NoBaseError where the directory is in no git repository, or in a
// clone so shallow that none of this is there.
func FindBases(ctx context.Context, migrations, ref string) ([]Base, error) {
	git := repository{dir: migrations}
	prefix, err := git.run(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, &NoBaseError{Reason: fmt.Sprintf("%s is in no git repository (%v)", migrations, err)}
	}
	git.prefix = prefix
	if ref != "" {
		commit, err := git.run(ctx, "merge-base", ref, "HEAD")
		if err != nil {
			return nil, fmt.Errorf("error finding where HEAD left %s: %w", ref, err)
		}
		base, err := git.base(ctx, commit, "where it left "+ref)
		return []Base{base}, err
	}
	var bases []Base
	add := func(commit, is string) error {
		base, err := git.base(ctx, commit, is)
		bases = append(bases, base)
		return err
	}
	if commit, is := git.fork(ctx); commit != "" {
		if err := add(commit, is); err != nil {
			return nil, err
		}
	}
	if tag, err := git.run(ctx, "describe", "--tags", "--abbrev=0", "HEAD"); err == nil {
		if err := add(tag, "the last tag"); err != nil {
			return nil, err
		}
	}
	if len(bases) > 0 {
		return bases, nil
	}
	if shallow, _ := git.run(ctx, "rev-parse", "--is-shallow-repository"); shallow == "true" {
		return nil, &NoBaseError{Reason: "the clone is shallow, and holds neither a tag nor the commit before: git fetch --unshallow"}
	}
	return nil, &NoBaseError{Reason: "there is no commit before this one"}
}

// repository is the git repository that a directory lies in.
type repository struct {
	dir    string
	prefix string // of the directory in the repository, with a slash at its end
}

// fork is the commit that the work began from; empty where there is none.
func (r repository) fork(ctx context.Context) (commit, is string) {
	head, err := r.run(ctx, "rev-parse", "HEAD")
	if err != nil {
		return "", ""
	}
	for _, main := range []string{"refs/remotes/origin/main", "refs/heads/main"} {
		commit, err := r.run(ctx, "merge-base", main, "HEAD")
		if err == nil && commit != head {
			return commit, "where the branch left main"
		}
	}
	if commit, err = r.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD^"); err != nil {
		return "", ""
	}
	return commit, "the commit before"
}

func (r repository) base(ctx context.Context, commit, is string) (Base, error) {
	short, err := r.run(ctx, "rev-parse", "--short", commit+"^{commit}")
	if err != nil {
		return Base{}, fmt.Errorf("error finding commit %s: %w", commit, err)
	}
	base := Base{Commit: short, Is: is, Files: map[string][]byte{}}
	listed, err := r.run(ctx, "ls-tree", "--full-tree", "--name-only", commit, r.prefix)
	if err != nil {
		return base, fmt.Errorf("error listing the migrations of %s: %w", base, err)
	}
	for name := range strings.Lines(listed) {
		name = strings.TrimSuffix(name, "\n")
		if path.Ext(name) != ".sql" {
			continue
		}
		content, err := r.output(ctx, "show", commit+":"+name)
		if err != nil {
			return base, fmt.Errorf("error reading %s of %s: %w", name, base, err)
		}
		base.Files[path.Base(name)] = content
	}
	return base, nil
}

func (r repository) run(ctx context.Context, args ...string) (string, error) {
	out, err := r.output(ctx, args...)
	return strings.TrimSpace(string(out)), err
}

func (r repository) output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.dir}, args...)...) //nolint:gosec // git, on a directory of the developer
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		if said := strings.TrimSpace(string(failed.Stderr)); said != "" {
			return nil, errors.New(said)
		}
	}
	return out, err
}
