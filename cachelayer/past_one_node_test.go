package cachelayer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"nof0/config"
	"nof0/internal/await"
	"nof0/internal/testdb"
)

// TestSocketAndUser reaches Redis by a unix socket, as a user who may no more than
// docs/operations.md says.
func TestSocketAndUser(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "redis.sock")
	s := startRedis(t, "--unixsocket", socket)
	documented, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, rule, found := strings.Cut(string(documented), "ACL SETUSER nof0 on >")
	require.True(t, found)
	_, rule, _ = strings.Cut(rule, " ")
	rule, _, _ = strings.Cut(rule, "\n")
	args := []any{"ACL", "SETUSER", "nof0", "on", ">p@ss/word"}
	for right := range strings.FieldsSeq(rule) {
		args = append(args, right)
	}
	require.NoError(t, s.raw.Do(t.Context(), args...).Err())
	p := newProcess(t, "unix://nof0:p%40ss%2Fword@"+socket+"?db=2")
	p.own(t, ours)
	pg := newSource("one")
	require.Equal(t, "one", p.fetch(t, pg.load))
	p.invalidate(t)
	pg.write("two")
	require.Equal(t, "two", p.fetch(t, pg.load))
	require.Contains(t, s.raw.Info(t.Context(), "keyspace").Val(), "db2:")
	_, err = p.client.Server(t.Context())
	require.NoError(t, err)
	_, err = p.cache.Drop(t.Context())
	require.NoError(t, err)
	require.Error(t, p.client.rdb.Set(t.Context(), "other", 1, 0).Err(), "other keys are not his")
	require.Zero(t, count(p.cache.metrics.failures))

	require.NoError(t, s.raw.Do(t.Context(), "ACL", "SETUSER", "nof0", "-info").Err())
	other := newProcess(t, "unix://nof0:p%40ss%2Fword@"+socket)
	require.ErrorContains(t, other.client.Ping(t.Context()), "lacks a right")
	require.Equal(t, "two", other.fetch(t, pg.load), "Postgres answers")
	stranger := newProcess(t, "unix://nof0:wrong@"+socket)
	require.ErrorContains(t, stranger.client.Ping(t.Context()), "WRONGPASS")
}

// authority signs certificates of servers into files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// sign writes the certificate and the key of a name.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore = time.Now().Add(-2 * time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		name: {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(t, os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600))
	}
	signed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signed, key
}

// TestTLS reaches Redis by rediss:// with the authority that the configuration names; what
// keeps it from that is said, and that it is a certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	ours.sign(t, "good", &x509.Certificate{IPAddresses: here})
	ours.sign(t, "expired", &x509.Certificate{IPAddresses: here, NotAfter: time.Now().Add(-time.Hour)})
	ours.sign(t, "elsewhere", &x509.Certificate{DNSNames: []string{"redis.example.org"}})
	start := func(cert string) (secure, plain string) {
		port := testdb.FreePort(t)
		s := startRedis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", ours.file(cert), "--tls-key-file", ours.file(cert+".key"),
			"--tls-ca-cert-file", ours.file("ca"), "--tls-auth-clients", "no")
		return "rediss://127.0.0.1:" + strconv.Itoa(port), s.addr
	}
	good, plain := start("good")
	expired, _ := start("expired")
	elsewhere, _ := start("elsewhere")
	by := func(file string) func(*config.Config) {
		return func(c *config.Config) { c.Redis.CAFile, c.Redis.DialTimeout = file, time.Second }
	}
	pg := newSource("one")
	p := newProcess(t, good, by(ours.file("ca")))
	require.Equal(t, "one", p.fetch(t, pg.load))
	require.Equal(t, 1, count(p.cache.metrics.fills))
	for _, refused := range []struct{ url, file, says string }{
		{good, "", "redis.ca_file"},
		{good, others.file("ca"), "redis.ca_file"},
		{expired, ours.file("ca"), "renew the certificate"},
		{elsewhere, ours.file("ca"), "REDIS_URL has to name Redis as its certificate does"},
		{"rediss://" + plain, ours.file("ca"), "where this port has no TLS"},
	} {
		p := newProcess(t, refused.url, by(refused.file))
		err := p.client.Ping(t.Context())
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "certificate")
		require.ErrorContains(t, err, refused.says)
		require.Equal(t, "one", p.fetch(t, pg.load), "Postgres answers")
	}
	for _, file := range []string{ours.file("none"), ours.file("ca.key")} {
		_, err := Open(good, config.Redis{
			CAFile: file, DialTimeout: 1, ReadTimeout: 1, WriteTimeout: 1, PoolTimeout: 1, BreakerFailures: 1, BreakerOpen: 1,
		}, Options{})
		require.ErrorContains(t, err, file)
	}
}

// followed makes a server the replica of another, and waits until it has what that has.
func followed(t *testing.T, replica, master *redisServer) {
	t.Helper()
	require.NoError(t, replica.raw.ReplicaOf(t.Context(), "127.0.0.1", strconv.Itoa(master.port)).Err())
	inSync(t, replica)
}

func inSync(t *testing.T, replica *redisServer) {
	t.Helper()
	await.True(t, func() bool {
		return strings.Contains(replica.raw.Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
}

// TestAPromotedReplicaIsNotRead holds that nobody reads what an invalidation has not
// reached when the replica became the master, without anything having failed before: the
// lease is as new there, and every process keeps its connections.
func TestAPromotedReplicaIsNotRead(t *testing.T) {
	t.Parallel()
	master, replica := startRedis(t), startRedis(t)
	followed(t, replica, master)
	sentinels := testdb.Sentinels(t, master.RedisServer, 3)
	url := "redis://" + strings.Join(sentinels, ",") + "/0?master_name=nof0"
	pg := newSource("old")
	one, two := newProcess(t, url), newProcess(t, url)
	for _, p := range []*process{one, two} {
		p.own(t, ours)
		require.Equal(t, "old", p.fetch(t, pg.load))
	}
	inSync(t, replica)
	require.Equal(t, int64(1), master.raw.Do(t.Context(), "WAIT", 1, 0).Val())
	require.NoError(t, replica.raw.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err()) // it hears nothing more
	pg.write("new")
	one.invalidate(t)
	require.NoError(t, replica.raw.ReplicaOf(t.Context(), "NO", "ONE").Err())
	for _, addr := range sentinels { // as those who have voted
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { _ = sentinel.Close() })
		require.NoError(t, sentinel.Remove(t.Context(), "nof0").Err())
		require.NoError(t, sentinel.Monitor(t.Context(), "nof0", "127.0.0.1", strconv.Itoa(replica.port), "2").Err())
	}
	master.Kill()
	for _, p := range []*process{one, two} {
		p.clock.Advance(p.cache.versions.life)
		await.True(t, func() bool {
			require.Equal(t, "new", p.fetch(t, pg.load))
			return p.cache.Trusts() && p.client.Ping(t.Context()) == nil
		})
	}
}
