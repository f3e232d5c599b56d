package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	databaseUser = "nof0"
	databaseName = "nof0"

	// invalidPassword is the SQLSTATE of a refused one.
	invalidPassword = "28P01"
)

// postgresServer is one running private Postgres.
type postgresServer struct {
	config postgresConfig
	url    string
	proc   *process
}

// postgresConfig says how to run a private Postgres.
type postgresConfig struct {
	binaries  binaries
	account   *account
	dir       string // everything of this server lies here
	ephemeral bool
	logger    *slog.Logger
	port      int    // 0 is a free one
	standbyOf string // the URL of the server that this one copies and follows; "" is none
}

func (c postgresConfig) dataDir() string      { return filepath.Join(c.dir, "data") }
func (c postgresConfig) passwordFile() string { return filepath.Join(c.dir, "password") }
func (c postgresConfig) logFile() string      { return filepath.Join(c.dir, "postgres.log") }

// startPostgres starts the server on a free port and returns when it answers
// and has its database. Data that are there already are kept.
func startPostgres(ctx context.Context, c postgresConfig) (*postgresServer, error) {
	if err := endLeftover(ctx, c.dataDir(), c.logger); err != nil {
		return nil, err
	}
	password, err := c.initialise(ctx)
	if err != nil {
		return nil, err
	}
	proc, port, err := c.launch(ctx, password)
	if err != nil {
		return nil, err
	}
	c.port = port
	s := &postgresServer{config: c, url: databaseURL(port, password, databaseName), proc: proc}
	if err := ensureDatabase(ctx, port, password); err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

// launch runs the server until it answers.
func (c postgresConfig) launch(ctx context.Context, password string) (*process, int, error) {
	return launch{
		name: "Postgres", what: "the private Postgres in " + c.dir, dir: c.dir, log: c.logFile(), account: c.account, port: c.port,
		command: func(port int) (*exec.Cmd, error) {
			// The context ends the wait, not the server: a context of exec would kill
			// the postmaster without letting it shut down.
			return exec.Command(c.binaries.program("postgres"), c.arguments(port)...), nil //nolint:gosec,noctx // see above
		},
		ready:    func(ctx context.Context, port int) (bool, error) { return answers(ctx, port, password) },
		orphaned: syscall.SIGINT,
		stop:     stopPostgres(),
	}.run(ctx)
}

func (c postgresConfig) arguments(port int) []string {
	settings := []string{
		"listen_addresses=" + loopback,
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"max_connections=300", // the tests of many packages at once
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
		"wal_retrieve_retry_interval=100ms", // of a standby
	}
	if c.ephemeral {
		settings = append(settings,
			"fsync=off",
			"full_page_writes=off",
			"synchronous_commit=off",
			"max_wal_size=1GB", // the data may lie in memory
		)
	}
	args := []string{"-D", c.dataDir()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

func (s *postgresServer) stop(ctx context.Context) error { return s.proc.stop(ctx, stopPostgres()...) }

// restart starts a server that is gone on its data and its port.
func (s *postgresServer) restart(ctx context.Context) error {
	again, err := startPostgres(ctx, s.config)
	if err != nil {
		return err
	}
	s.proc = again.proc
	return nil
}

// stopPostgres asks for a fast shutdown, then for an immediate one, after which
// the next start recovers from the log, then kills.
func stopPostgres() []stopStep {
	return []stopStep{{syscall.SIGINT, 20 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, kill()}
}

// answers reports whether the server takes connections. A wrong password is not
// going to become right by waiting.
func answers(ctx context.Context, port int, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL(port, password, "postgres"))
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == invalidPassword {
		return false, fmt.Errorf("the password kept beside the data is not the database's: %w", err)
	}
	if err != nil {
		return false, nil // not yet
	}
	return true, conn.Close(ctx)
}

func ensureDatabase(ctx context.Context, port int, password string) error {
	conn, err := pgx.Connect(ctx, databaseURL(port, password, "postgres"))
	if err != nil {
		return fmt.Errorf("error connecting to the private Postgres: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{databaseName}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("error creating the database %s: %w", databaseName, err)
	}
	return nil
}

func databaseURL(port int, password, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(databaseUser, password),
		Host:     address(port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// serverEnv is the environment of the servers: nothing of ours that they would
// take for a setting (PGDATA, PGPORT), and one locale on every machine.
func serverEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
