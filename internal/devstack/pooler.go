package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// pooler is a private PgBouncer that pools by transaction, in front of every
// database of a server.
type pooler struct {
	dir     string
	account *account
	server  *pgx.ConnConfig
	port    int
	proc    *process
}

// startPooler starts the pgbouncer of this machine in front of the server behind
// dsn, and returns when it answers.
func startPooler(ctx context.Context, dir string, account *account, dsn string) (*pooler, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer") // of Debian, on no user's PATH
	}
	if err != nil {
		return nil, errors.New("--pooler needs pgbouncer, which is not on this machine (Debian: apt-get install pgbouncer)")
	}
	server, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("error reading the database URL for the pooler")
	}
	p := &pooler{dir: dir, account: account, server: server}
	l := launch{
		name: "pgbouncer", what: "a private PgBouncer", dir: dir, log: p.file("pooler.log"), account: account,
		command: func(port int) (*exec.Cmd, error) {
			p.port = port
			return exec.Command(program, p.file("pooler.ini")), p.configure() //nolint:gosec,noctx // the context ends the wait, not the server
		},
		ready: func(ctx context.Context, _ int) (bool, error) {
			conn, err := pgx.Connect(ctx, p.through(dsn))
			if err != nil {
				return false, nil //nolint:nilerr // not yet
			}
			return true, conn.Close(ctx)
		},
		orphaned: syscall.SIGTERM, // at once
		stop:     stopPolitely(),
	}
	p.proc, _, err = l.run(ctx)
	return p, err
}

// configure writes the settings. Users that the file does not name are looked up
// in the database, so that those of tests pass too.
func (p *pooler) configure() error {
	settings := strings.Join([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d auth_user=%s", p.server.Host, p.server.Port, p.server.User),
		"[pgbouncer]",
		"listen_addr = " + loopback,
		"listen_port = " + strconv.Itoa(p.port),
		"unix_socket_dir =",
		"pool_mode = transaction",
		"auth_type = scram-sha-256",
		"auth_file = " + p.file("pooler.users"),
		"max_client_conn = 1000",
		"default_pool_size = 10",
		"server_idle_timeout = 2", // each test has a database of its own
		"log_connections = 0",
		"log_disconnections = 0",
		"",
	}, "\n")
	users := fmt.Sprintf("%q %q\n", p.server.User, p.server.Password)
	for name, content := range map[string]string{"pooler.ini": settings, "pooler.users": users} {
		if err := os.WriteFile(p.file(name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("error writing the settings of the pooler: %w", err)
		}
		if err := p.account.own(p.file(name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pooler) file(name string) string { return filepath.Join(p.dir, name) }

// through is a URL of the server, through the pooler. A prepared statement would
// not outlive its transaction there.
func (p *pooler) through(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "postgres", User: url.UserPassword(p.server.User, p.server.Password), Path: "/" + p.server.Database}
	}
	u.Host = net.JoinHostPort(loopback, strconv.Itoa(p.port))
	query := u.Query()
	query.Set("sslmode", "disable")
	query.Set("default_query_exec_mode", "simple_protocol")
	u.RawQuery = query.Encode()
	return u.String()
}

func (p *pooler) stop(ctx context.Context) error { return p.proc.stop(ctx, stopPolitely()...) }
