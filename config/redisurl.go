package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrRedisURL reports a Redis URL that cannot be used. The URL itself is never part of
// the error: it carries the password, and the errors of the URL parsers quote it.
var ErrRedisURL = errors.New("not a usable Redis URL")

// RedisAddress is a parsed Redis URL. One of its members is set.
type RedisAddress struct {
	Node     *redis.Options
	Cluster  *redis.ClusterOptions
	Sentinel *redis.FailoverOptions
}

// ParseRedisURL reads redis://[user:password@]host:port[/db], rediss for TLS, unix for a
// socket, with every option of go-redis' own parsers as a query parameter. The URL is that
// of a cluster when it lists several hosts (host:port,host:port, or addr=host:port
// parameters) or says cluster=true. It is that of sentinels when it has a master_name; its
// user and password are then those of the sentinels, and username and password parameters
// are those of Redis. The file, where named, holds the certificates of the authorities that
// rediss trusts, instead of those that the system trusts.
//
// The errors are ErrRedisURL, save for those of the file.
func ParseRedisURL(raw, caFile string) (a RedisAddress, err error) {
	raw, rest := splitHosts(raw)
	u, err := url.Parse(raw)
	if err != nil {
		return a, fmt.Errorf("error parsing Redis URL: %w", ErrRedisURL)
	}
	query := u.Query()
	asked := query.Get("cluster")
	query.Del("cluster")
	for _, host := range rest {
		query.Add("addr", host)
	}
	u.RawQuery = query.Encode()

	var secure *tls.Config
	switch {
	case query.Has("master_name"):
		a.Sentinel, err = redis.ParseFailoverURL(u.String())
		if err != nil || a.Sentinel.MasterName == "" {
			return a, fmt.Errorf("error parsing Redis URL of sentinels: %w", ErrRedisURL)
		}
		secure = a.Sentinel.TLSConfig
	case asked == "true" || asked == "1" || query.Has("addr"):
		// A cluster has only database 0, and go-redis would pass over another one
		// in silence.
		if path := strings.Trim(u.Path, "/"); path != "" && path != "0" {
			return a, fmt.Errorf("error parsing Redis URL: a cluster has no database but 0: %w", ErrRedisURL)
		}
		a.Cluster, err = redis.ParseClusterURL(u.String())
		if err != nil {
			return a, fmt.Errorf("error parsing Redis URL of a cluster: %w", ErrRedisURL)
		}
		secure = a.Cluster.TLSConfig
	default:
		a.Node, err = redis.ParseURL(u.String())
		if err != nil {
			return a, fmt.Errorf("error parsing Redis URL of one node: %w", ErrRedisURL)
		}
		secure = a.Node.TLSConfig
	}
	if secure == nil {
		return a, nil
	}
	if a.Node == nil {
		secure.ServerName = "" // each server has a name of its own, that of its address
	}
	secure.RootCAs, err = authorities(caFile)
	return a, err
}

// authorities reads the certificates of a file; without one they are those of the system.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // which is how crypto/tls says it
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("error reading the certificates of authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// splitHosts takes all hosts but the first out of a URL that lists several,
// since a list of hosts is no valid authority for net/url.
func splitHosts(raw string) (first string, rest []string) {
	scheme, after, ok := strings.Cut(raw, "://")
	if !ok {
		return raw, nil
	}
	authority, tail := after, ""
	if end := strings.IndexAny(after, "/?"); end >= 0 {
		authority, tail = after[:end], after[end:]
	}
	user, hosts := "", authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, hosts = authority[:at+1], authority[at+1:]
	}
	list := strings.Split(hosts, ",")
	return scheme + "://" + user + list[0] + tail, list[1:]
}

// checkRedisURL says what is wrong with a Redis URL, in the first place where a host is
// written wrongly.
func checkRedisURL(dsn string) error {
	const help = "must be a URL such as redis://host:6379/0, rediss://… or unix:///run/redis.sock"
	if dsn == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(dsn, "://")
	switch scheme {
	case "unix":
	case "redis", "rediss":
		if err := checkHosts(dsn, rest, false); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s, not %s", help, MaskURL(dsn))
	}
	if _, err := ParseRedisURL(dsn, ""); err != nil {
		return fmt.Errorf("%w: %s: %s", err, MaskURL(dsn), help)
	}
	return nil
}

// checkCAFile says what is wrong with the file of certificates for a Redis URL.
func checkCAFile(file, dsn string) error {
	if file != "" && dsn != "" && !strings.HasPrefix(dsn, "rediss://") {
		return errors.New("has a use with rediss:// alone: redis:// and unix:// know no certificates")
	}
	_, err := authorities(file)
	return err
}
