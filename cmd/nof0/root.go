package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"nof0/atlas"
	"nof0/cachelayer"
	"nof0/config"
	"nof0/internal/season"
	"nof0/internal/telemetry"
	"nof0/repository"
)

// streams are where a command reads and writes: results go to out, everything
// else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is what every command shares.
type cli struct {
	streams
	environ []string
	season  season.Options // the one that is meant where nothing else is said
	json    bool
	file    string
}

// exitError ends the program with a status of its own. Nothing more is printed
// where it wraps no error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// execute runs the command line and returns the exit status.
func (c *cli) execute(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := 1
	exit, ok := errors.AsType[*exitError](err)
	if !ok && !began { // the command line made no sense to the library
		exit, ok = errors.AsType[*exitError](usageError(cmd, "%w", err))
	}
	if ok {
		code, err = exit.code, exit.err
	}
	if err != nil {
		fmt.Fprintln(c.err, "nof0:", err)
		if advice := adviceOn(err); advice != "" {
			fmt.Fprintln(c.err, "      "+advice)
		}
	}
	return code
}

// adviceOn says what to do about an error that cannot know it where it arises.
func adviceOn(err error) string {
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	answer, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case answered && errors.Is(err, atlas.ErrNoScratch):
		return "Its user must be allowed to create databases; for migrate validate, --scratch names another server."
	case answered:
		return adviceOnState(answer.Code)
	case !unreachable && errors.Is(err, repository.ErrUnavailable) && errors.Is(err, context.DeadlineExceeded):
		return adviceOnState("57014")
	case unreachable, errors.Is(err, repository.ErrUnavailable):
		return "Is Postgres running there? DATABASE_URL says where it is looked for, to migrate NOF0_MIGRATE_DATABASE_URL where it is set."
	case errors.Is(err, cachelayer.ErrUnavailable) && refusedByRedis(err):
		return "Redis is running there and refuses: REDIS_URL holds the user, the password and the number of the database; " +
			"docs/operations.md says which rights a user needs."
	case errors.Is(err, cachelayer.ErrUnavailable):
		return "Is Redis running there? REDIS_URL says where it is looked for."
	default:
		return ""
	}
}

// refusedByRedis reports whether an error is what Redis answered.
func refusedByRedis(err error) bool {
	type answer interface {
		error
		RedisError()
	}
	_, answered := errors.AsType[answer](err)
	return answered
}

// adviceOnState says what to do about an SQLSTATE by which Postgres answered: it
// is running.
func adviceOnState(code string) string {
	switch code {
	case "28000", "28P01": // invalid authorization, invalid password
		return "Postgres is running there and refuses the user or the password: DATABASE_URL holds them, to migrate NOF0_MIGRATE_DATABASE_URL where it is set."
	case "3D000": // invalid catalog name
		return "Postgres is running there and has no such database: create it, or correct the end of DATABASE_URL."
	case "42501": // insufficient privilege
		return "The user of DATABASE_URL may not do this: grant it, or use a user who may."
	case "25006": // read-only SQL transaction
		return "Postgres takes no writes there: it is a standby, or set to read only. DATABASE_URL has to name the primary."
	case "53300": // too many connections
		return "Postgres has no connection left: lower postgres.max_open, or raise its max_connections."
	case "53100", "53200": // disk full, out of memory
		return "Postgres is out of disk or memory; its log says of which."
	case "57014": // query canceled
		return "The statement did not end in time: it waits for a lock, needs longer, or Postgres hangs. " +
			"postgres.statement_timeout (NOF0_POSTGRES_STATEMENT_TIMEOUT) is how long it may take, and what the role, the database or DATABASE_URL sets as statement_timeout."
	case "55P03": // lock not available
		return "Others hold a table that this needs, as a migration does: nof0 migrate status names one, pg_stat_activity all. " +
			"Try again once they have ended; postgres.statement_timeout (NOF0_POSTGRES_STATEMENT_TIMEOUT) is how long it waits."
	case "25P03": // idle in transaction session timeout
		return "Nothing was read for too long, so Postgres ended the transaction: the process was stopped, or its disk hung. Try again."
	case "57P01", "57P02", "57P03": // shutdown, crash, cannot connect now
		return "Postgres is stopping or starting; try again in a moment."
	default:
		return ""
	}
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "nof0",
		Short: "The storage of an AI trading arena: Postgres behind Redis behind its REST API",
		Example: example(
			"nof0 dev",
			"DATABASE_URL=postgres://… REDIS_URL=redis://… nof0 serve --migrate",
		),
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       build().Version,
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print results as JSON")
	root.PersistentFlags().StringVar(&c.file, "config", "", "YAML file (default $NOF0_CONFIG, or config/nof0.yaml if present)")
	group(root,
		c.serveCommand(),
		c.devCommand(),
		c.migrateCommand(),
		c.importCommand(),
		c.exportCommand(),
		c.parityCommand(),
		c.rolloutCommand(),
		c.correctCommand(),
		c.cacheCommand(),
		c.analyticsCommand(),
		c.seasonCommand(),
		c.competitionsCommand(),
		c.retentionCommand(),
		c.candlesCommand(),
		c.healthCommand(),
		c.doctorCommand(),
		c.configCommand(),
		c.versionCommand(),
	)
	addCompletion(root)
	return root
}

// start returns the configuration in force and the logger that it asks for.
func (c *cli) start(required ...config.Requirement) (config.Config, *slog.Logger, error) {
	return c.startWith(config.Options{Required: required})
}

func (c *cli) startWith(o config.Options) (config.Config, *slog.Logger, error) {
	o.File, o.Env = c.file, c.environ
	cfg, err := config.Load(o)
	if err != nil {
		return cfg, nil, err
	}
	logger, err := telemetry.NewLogger(c.err, cfg.Log)
	if err != nil {
		return cfg, nil, err
	}
	cachelayer.LogLibrary(logger)
	return cfg, logger, nil
}

// example indents the lines of a command's example.
func example(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
