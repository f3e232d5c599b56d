// Package devstack runs the private Postgres and Redis behind nof0 dev: on
// loopback, on free ports, as children that go when this process goes.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// RedisKind says what stands in for Redis.
type RedisKind string

// The kinds of private Redis.
const (
	RedisInProcess RedisKind = "inprocess" // needs nothing on the machine
	RedisProcess   RedisKind = "server"    // the redis-server on PATH
)

// defaultElsewhere keeps databases whose data directory the database's account
// cannot enter. It survives a reboot, and only root can write to its parent.
const defaultElsewhere = "/var/lib/nof0"

// Options says what to start. A given URL is used, and nothing started for it.
type Options struct {
	// DataDir is where the servers keep their data; it is made when missing.
	DataDir string
	// PostgresBin is the directory of initdb and postgres; empty means to look
	// for them, and to download them where there are none.
	PostgresBin string
	DatabaseURL string
	RedisURL    string
	// StandbyOf, where given, is the URL of a server that the private Postgres is a copy of
	// and follows.
	StandbyOf string
	// Pooler puts a private PgBouncer in front of the database.
	Pooler bool
	// Redis is the kind of private Redis; empty means RedisInProcess.
	Redis RedisKind
	// Ephemeral trades durability for speed: the data lie in a temporary
	// directory that Close removes, so that any number of stacks run at once.
	Ephemeral bool
	Logger    *slog.Logger
	// Notify receives lines for the user; nil means nobody wants them.
	Notify func(line string)
	// Download is called with how many bytes of a Postgres that has to be downloaded have
	// come, and of how many; nil means nobody wants to know.
	Download func(done, total int)

	elsewhere string // replaces defaultElsewhere
}

// Stack is a running pair of servers.
type Stack struct {
	DatabaseURL string
	PoolerURL   string // the same database through the pooler; empty without one
	RedisURL    string

	closers   []func(context.Context) error // the last one started is the last one here
	postgres  *postgresServer               // nil where the database is not ours
	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Start returns when both servers answer. When it fails, or ctx ends before,
// nothing is left running; once it has returned, ctx has no further say.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	s := &Stack{DatabaseURL: o.DatabaseURL, RedisURL: o.RedisURL, closing: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.lock(o); err != nil {
		return nil, err
	}
	if s.DatabaseURL == "" {
		if err := s.startPostgres(ctx, o); err != nil {
			return nil, err
		}
	}
	o.Notify("database " + s.DatabaseURL)
	if o.Pooler {
		if err := s.startPooler(ctx, o); err != nil {
			return nil, err
		}
		o.Notify("pooler " + s.PoolerURL)
	}
	if s.RedisURL == "" {
		if err := s.startRedis(ctx, o); err != nil {
			return nil, err
		}
	}
	o.Notify("redis " + s.RedisURL)
	return s, nil
}

// Close stops what Start started, in reverse. When ctx ends, servers are no
// longer asked to stop but made to. Further calls return what the first did.
func (s *Stack) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		close(s.closing)
		var errs []error
		for _, stop := range slices.Backward(s.closers) {
			errs = append(errs, stop(ctx))
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

func (o Options) withDefaults() (Options, error) {
	if o.Redis == "" {
		o.Redis = RedisInProcess
	}
	if o.Redis != RedisInProcess && o.Redis != RedisProcess {
		return o, fmt.Errorf("%q is no kind of Redis: %s or %s", o.Redis, RedisInProcess, RedisProcess)
	}
	if o.DataDir == "" {
		return o, errors.New("no data directory is given: set NOF0_DATA_DIR")
	}
	abs, err := filepath.Abs(o.DataDir)
	if err != nil {
		return o, fmt.Errorf("error finding the data directory: %w", err)
	}
	o.DataDir = abs
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.elsewhere == "" {
		o.elsewhere = defaultElsewhere
	}
	return o, nil
}

// lock takes the data directory where something is going to lie in it.
func (s *Stack) lock(o Options) error {
	nothingToRun := o.DatabaseURL != "" && (o.RedisURL != "" || o.Redis == RedisInProcess)
	if nothingToRun {
		return nil
	}
	// Passable, because under root the database's account goes through it; what
	// is secret in it has modes of its own.
	if err := makePassable(o.DataDir); err != nil {
		return fmt.Errorf("error making the data directory: %w", err)
	}
	if o.Ephemeral {
		return nil
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func(context.Context) error { return lock.Close() })
	return nil
}

func (s *Stack) startPostgres(ctx context.Context, o Options) error {
	const name = "postgres"
	account, err := databaseAccount(filepath.Join(o.DataDir, name))
	if err != nil {
		return err
	}
	where := place{account: account, dataDir: o.DataDir, elsewhere: o.elsewhere}
	dir, err := s.postgresDir(ctx, o, where, name)
	if err != nil {
		return err
	}
	// The files know best whose they are.
	if where.account, err = databaseAccount(dir); err != nil {
		return err
	}
	bin, err := findOrDownload(ctx, o, where, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	server, err := startPostgres(ctx, postgresConfig{
		binaries:  bin,
		account:   where.account,
		dir:       dir,
		ephemeral: o.Ephemeral,
		logger:    o.Logger,
		standbyOf: o.StandbyOf,
	})
	if err != nil {
		return err
	}
	s.postgres = server
	s.closers = append(s.closers, server.stop)
	s.watch(o.Logger, server.proc, dir)
	s.DatabaseURL = server.url
	return nil
}

// KillPostgres ends the private Postgres as a crash would, and
// RestartPostgres starts it again on its data and its port. They are for tests
// of what a crash leaves behind.
func (s *Stack) KillPostgres() error {
	if s.postgres == nil {
		return errNotOurs
	}
	return s.postgres.proc.stop(context.Background(), kill())
}

// RestartPostgres starts a killed private Postgres; see KillPostgres.
func (s *Stack) RestartPostgres(ctx context.Context) error {
	if s.postgres == nil {
		return errNotOurs
	}
	return s.postgres.restart(ctx)
}

var errNotOurs = errors.New("the database is not a private one of this stack")

// postgresDir returns where the database lies, and says so when that is not
// where one would look.
func (s *Stack) postgresDir(ctx context.Context, o Options, where place, name string) (string, error) {
	if o.Ephemeral {
		return s.temporary(ctx, where)
	}
	dir, moved, err := where.lasting(ctx, name)
	if err == nil && moved {
		o.Notify(fmt.Sprintf("database files in %s: user %s, as which the database runs, cannot enter %s",
			dir, where.account.name, o.DataDir))
	}
	return dir, err
}

func (s *Stack) temporary(ctx context.Context, where place) (string, error) {
	dir, err := where.passing(ctx)
	if dir != "" {
		s.closers = append(s.closers, func(context.Context) error { return os.RemoveAll(dir) })
	}
	return dir, err
}

func findOrDownload(ctx context.Context, o Options, where place, dataDir string) (binaries, error) {
	look := defaultSearch(o.PostgresBin, where.account)
	found, err := look.find(ctx)
	if err != nil {
		return binaries{}, err
	}
	if len(found) > 0 {
		return choose(found, dataDir)
	}
	dir, _, err := where.lasting(ctx, "postgres-"+string(downloadVersion))
	if err != nil {
		return binaries{}, err
	}
	d := download{
		dir: filepath.Join(dir, "server"), version: downloadVersion,
		account: where.account, progress: o.Download,
	}
	if !complete(filepath.Join(d.dir, "bin")) {
		o.Logger.InfoContext(ctx, "no Postgres server found on this machine; downloading one, this once",
			"version", string(downloadVersion), "dir", dir)
	}
	bin, err := d.run(ctx)
	if err != nil {
		return binaries{}, err
	}
	b, err := look.examine(ctx, bin)
	if err != nil {
		return binaries{}, err
	}
	return choose([]binaries{b}, dataDir)
}

func (s *Stack) startPooler(ctx context.Context, o Options) error {
	account, err := databaseAccount("") // PgBouncer refuses root as well
	if err != nil {
		return err
	}
	// It keeps nothing.
	dir, err := s.temporary(ctx, place{account: account, dataDir: o.DataDir, elsewhere: o.elsewhere})
	if err != nil {
		return err
	}
	p, err := startPooler(ctx, dir, account, s.DatabaseURL)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, p.stop)
	s.watch(o.Logger, p.proc, dir)
	s.PoolerURL = p.through(s.DatabaseURL)
	return nil
}

func (s *Stack) startRedis(ctx context.Context, o Options) error {
	if o.Redis == RedisInProcess {
		r, err := startInProcessRedis(ctx)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, r.stop)
		s.RedisURL = r.url
		return nil
	}
	where := place{dataDir: o.DataDir, elsewhere: o.elsewhere} // redis-server does not mind root
	dir, err := s.redisDir(ctx, o, where)
	if err != nil {
		return err
	}
	r, err := StartRedisServer(ctx, dir)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, r.Close)
	s.watch(o.Logger, r.proc, dir)
	s.RedisURL = r.URL()
	return nil
}

func (s *Stack) redisDir(ctx context.Context, o Options, where place) (string, error) {
	if o.Ephemeral {
		return s.temporary(ctx, where)
	}
	dir, _, err := where.lasting(ctx, "redis")
	return dir, err
}

// watch reports a server that ends while it is needed.
func (s *Stack) watch(logger *slog.Logger, proc *process, dir string) {
	go func() {
		select {
		case <-s.closing:
		case <-proc.done:
			select {
			case <-s.closing:
			default:
				logger.Error("a private server ended by itself; stop and start again",
					"server", proc.name, "error", proc.err, "log_in", dir)
			}
		}
	}()
}
