package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/devstack"
)

func (c *cli) devCommand() *cobra.Command {
	var redis, play string
	var ephemeral, pooler, clean, empty bool
	cmd := &cobra.Command{
		Use:   "dev [-- CMD ARGS…]",
		Short: "Run the whole system on private servers, or CMD beside them",
		Long: `Start a private Postgres and Redis, apply the migrations, import a snapshot, move
every domain to the store where that answers as the snapshot does, and serve until
interrupted. NOF0_SNAPSHOT_DIR names the snapshot; without one a season that ends now
is generated. Each snapshot has a database of its own, and data survive a restart.

A generated season goes on while it is served: prices move, models trade, and what
happened while nothing ran is made up for at the start. --play=60 plays it so much
faster (at most 23 hours ahead of the clock), --play=off leaves it as it is. A
snapshot of yours is never played into. --empty serves an arena with nothing in it.

With a command, the same servers are started, the command runs with DATABASE_URL
and REDIS_URL set, the servers are stopped, and the status is the command's.`,
		Example: example(
			"nof0 dev",
			"nof0 dev --play=60",
			"nof0 dev --empty",
			"NOF0_SNAPSHOT_DIR=captures/2025-10-26 nof0 dev",
			"nof0 dev --redis=server --ephemeral -- go test ./...",
		),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, logger, err := c.start()
			if err != nil {
				return err
			}
			d := &dev{cli: c, cfg: cfg, logger: logger, empty: empty, options: devstack.Options{
				DataDir:     cfg.DataDir,
				PostgresBin: cfg.Postgres.Bin,
				DatabaseURL: cfg.DatabaseURL,
				RedisURL:    cfg.RedisURL,
				Redis:       devstack.RedisKind(redis),
				Pooler:      pooler,
				Ephemeral:   ephemeral,
				Logger:      logger,
			}}
			progress, finish := c.progressOf("downloading Postgres", "bytes")
			d.options.Download = func(done, total int) {
				if progress(done, total); done >= total {
					finish()
				}
			}
			switch {
			case len(args) > 0 && cmd.ArgsLenAtDash() != 0:
				return usageError(cmd, "%s takes a command after --, and was given %q", cmd.CommandPath(), args)
			case redis != string(devstack.RedisInProcess) && redis != string(devstack.RedisProcess):
				return usageError(cmd, "--redis: %q is neither %s nor %s", redis, devstack.RedisInProcess, devstack.RedisProcess)
			case clean && len(args) > 0:
				return usageError(cmd, "--clean-data runs nothing, and was given %q", args)
			case clean:
				return d.cleanData(cmd.Context())
			case empty && (cfg.SnapshotDir != "" || cfg.JSONDir != ""):
				return usageError(cmd, "--empty shows nothing, and NOF0_SNAPSHOT_DIR or NOF0_JSON_DIR names something: give one of them")
			}
			if d.speed, err = d.playSpeed(cmd, play, len(args) > 0); err != nil {
				return err
			}
			if len(args) > 0 {
				return d.command(cmd.Context(), args)
			}
			err = d.serve(cmd.Context())
			if err != nil && cmd.Context().Err() != nil {
				logger.Debug("what the interruption broke off", "error", err)
				return errors.New("interrupted before it was ready; nothing is left running, and the next start goes on")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&redis, "redis", string(devstack.RedisInProcess), "private Redis: inprocess, or server for the redis-server on PATH")
	_ = cmd.RegisterFlagCompletionFunc("redis", cobra.FixedCompletions([]string{
		string(devstack.RedisInProcess), string(devstack.RedisProcess),
	}, cobra.ShellCompDirectiveNoFileComp)) // it exists
	cmd.Flags().BoolVar(&ephemeral, "ephemeral", false, "keep nothing: data in a temporary directory, without durability")
	cmd.Flags().StringVar(&play, "play", "1", "how many times faster than real time the generated season goes on, or off")
	cmd.Flags().BoolVar(&empty, "empty", false, "serve an arena with nothing in it, from a database of its own")
	cmd.Flags().BoolVar(&clean, "clean-data", false, "remove the data of earlier runs, and end")
	cmd.Flags().BoolVar(&pooler, "pooler", false, "start a private PgBouncer too, which pools by transaction; CMD gets NOF0_TEST_POOLER_URL")
	return cmd
}

// dev is one run of the dev command.
type dev struct {
	*cli
	cfg     config.Config
	logger  *slog.Logger
	options devstack.Options
	empty   bool
	speed   float64 // at which the season goes on; 0 is not at all
}

// shown hides the password in a line about a server that was given: whoever gave it knows
// it, and others may read what is printed.
func (d *dev) shown(line string) string {
	name, url, _ := strings.Cut(line, " ")
	if given := map[string]string{"database": d.options.DatabaseURL, "redis": d.options.RedisURL}[name]; given != "" {
		return name + " " + config.MaskURL(url)
	}
	return line
}

// command runs CMD beside the servers.
func (d *dev) command(ctx context.Context, args []string) error {
	d.options.Notify = func(line string) { fmt.Fprintln(d.err, d.shown(line)) } // standard output is CMD's
	stack, err := devstack.Start(ctx, d.options)
	if err != nil {
		return err
	}
	status, err := d.run(ctx, stack, args)
	err = errors.Join(err, d.stop(ctx, stack))
	if status != 0 {
		return &exitError{status, err}
	}
	return err
}

// run runs CMD to its end and returns its status.
func (d *dev) run(ctx context.Context, stack *devstack.Stack, args []string) (status int, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running it is what it is for
	cmd.Stdin, cmd.Stdout, cmd.Stderr = d.in, d.out, d.cli.err
	cmd.Env = slices.Concat(d.environ, []string{"DATABASE_URL=" + stack.DatabaseURL, "REDIS_URL=" + stack.RedisURL})
	if stack.PoolerURL != "" {
		cmd.Env = append(cmd.Env, "NOF0_TEST_POOLER_URL="+stack.PoolerURL)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exited.ExitCode(), 1), nil // -1 where a signal ended it
	}
	if err != nil {
		return 0, fmt.Errorf("error running %s: %w", args[0], err)
	}
	return 0, nil
}

// serve runs the whole system.
func (d *dev) serve(ctx context.Context) (err error) {
	// A port in use is found before anything is started.
	listener, err := app.Listen(ctx, d.cfg)
	if err != nil {
		return err
	}
	defer listener.Close() // where it does not come to serving
	d.options.Notify = func(line string) {
		// The database that is used is named once it is chosen.
		if !strings.HasPrefix(line, "database ") {
			fmt.Fprintln(d.out, d.shown(line))
		}
	}
	if !d.options.Ephemeral {
		fmt.Fprintln(d.out, "data", d.dataDir())
	}
	stack, err := devstack.Start(ctx, d.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(ctx, stack)) }()
	d.cfg.DatabaseURL, d.cfg.RedisURL = stack.DatabaseURL, stack.RedisURL

	from, err := d.source()
	if err != nil {
		return err
	}
	if d.options.DatabaseURL == "" {
		if d.cfg.DatabaseURL, err = ensureDatabase(ctx, stack.DatabaseURL, from.database); err != nil {
			return err
		}
		d.cfg.MigrateDatabaseURL = ""
	}
	fmt.Fprintln(d.out, d.shown("database "+d.cfg.DatabaseURL))
	if err := applyMigrations(ctx, d.cfg, d.logger, ""); err != nil {
		return err
	}
	if err := checkSchema(ctx, d.cfg, d.logger); err != nil {
		return err
	}
	if err := d.load(ctx, from); err != nil {
		return err
	}
	if err := d.moveToStore(ctx); err != nil {
		return err
	}
	if d.cfg.IngestToken == "" {
		d.cfg.IngestToken = rand.Text()
		fmt.Fprintln(d.out, "ingest token", d.cfg.IngestToken)
	}
	if d.cfg.AdminToken == "" {
		d.cfg.AdminToken = rand.Text()
		fmt.Fprintln(d.out, "admin token", d.cfg.AdminToken)
	}
	// The season ends before the servers do.
	playing, stopPlaying := context.WithCancel(ctx)
	var player sync.WaitGroup
	defer player.Wait()
	defer stopPlaying()
	d.cfg.HTTP.Drain = 0 // nobody balances
	return d.cli.serve(ctx, d.cfg, d.logger, listener, func(url string) {
		d.greet(url)
		if d.speed > 0 {
			player.Go(func() { d.play(playing, url) })
		}
	})
}

// cleanData removes the data of earlier runs.
func (d *dev) cleanData(ctx context.Context) error {
	removed, err := devstack.RemoveData(ctx, d.options, "season", "season-before", "json", ".season-*")
	for _, path := range removed {
		fmt.Fprintln(d.out, "removed", path)
	}
	if err == nil && len(removed) == 0 {
		fmt.Fprintln(d.out, "no data in", d.dataDir())
	}
	return err
}

// dataDir is where the data lie, as people find it.
func (d *dev) dataDir() string {
	if abs, err := filepath.Abs(d.cfg.DataDir); err == nil {
		return abs
	}
	return d.cfg.DataDir
}

// stop stops the servers also when the run was interrupted.
func (d *dev) stop(ctx context.Context, stack *devstack.Stack) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return stack.Close(bounded)
}

// isDir reports whether a directory is there.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
