package devstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// initialise makes the data directory unless there is one, and returns the
// password of its owner.
func (c postgresConfig) initialise(ctx context.Context) (string, error) {
	major, err := dataMajor(c.dataDir())
	if err != nil {
		return "", err
	}
	if major != 0 {
		return c.readPassword()
	}
	password, err := c.makePassword()
	if err != nil {
		return "", err
	}
	fill := c.initdb
	if c.standbyOf != "" {
		fill = c.basebackup
	}
	// A directory becomes the data directory when it is whole: an initdb cut
	// short would otherwise look like data.
	unfinished := c.dataDir() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", fmt.Errorf("error removing what an earlier start left: %w", err)
	}
	if err := fill(ctx, unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, c.dataDir()); err != nil {
		return "", fmt.Errorf("error moving the new database to its place: %w", err)
	}
	return password, nil
}

func (c postgresConfig) initdb(ctx context.Context, dataDir string) error {
	args := []string{
		"--pgdata=" + dataDir,
		"--username=" + databaseUser,
		"--pwfile=" + c.passwordFile(),
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale=C",
	}
	if c.ephemeral {
		args = append(args, "--no-sync")
	}
	return c.fill(ctx, "initdb", args...)
}

// basebackup copies a running server, so that the copy follows it.
func (c postgresConfig) basebackup(ctx context.Context, dataDir string) error {
	return c.fill(ctx, "pg_basebackup", "--pgdata="+dataDir, "--dbname="+c.standbyOf, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
}

// fill runs a program that writes a data directory.
func (c postgresConfig) fill(ctx context.Context, program string, args ...string) error {
	var output bytes.Buffer
	cmd := exec.Command(c.binaries.program(program), args...) //nolint:gosec,noctx // found or named; ended below
	cmd.Dir = c.dir
	cmd.Env = serverEnv()
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 2 * time.Second // where a child of its own holds the pipe
	c.account.apply(cmd)
	proc, err := startProcess(program, cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-proc.done:
		err = proc.err
	case <-ctx.Done():
		if err := proc.stop(ctx, kill()); err != nil {
			return err
		}
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("error initialising a database in %s: %w\n%s", c.dir, err, strings.TrimSpace(output.String()))
	}
	return nil
}

func (c postgresConfig) makePassword() (string, error) {
	password := rand.Text()
	if u, err := url.Parse(c.standbyOf); err == nil && c.standbyOf != "" {
		password, _ = u.User.Password() // the roles are copied too
	}
	if err := os.WriteFile(c.passwordFile(), []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("error keeping the password of the database: %w", err)
	}
	// initdb reads it as the account.
	return password, c.account.own(c.passwordFile())
}

func (c postgresConfig) readPassword() (string, error) {
	content, err := os.ReadFile(c.passwordFile())
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("there are data in %s, but their password is gone: "+
			"restore %s, or remove the directory to begin with an empty database", c.dataDir(), c.passwordFile())
	}
	if err != nil {
		return "", fmt.Errorf("error reading the password of the database: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
