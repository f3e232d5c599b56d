package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
)

// checkPostgresURL takes what Postgres clients take: a URL, possibly of several
// hosts, or a DSN of the form key=value.
func checkPostgresURL(dsn string) error {
	const help = "must be a URL such as postgres://user:password@host:5432/name, or a DSN such as host=… dbname=…" //nolint:gosec // an example
	if dsn == "" {
		return nil
	}
	scheme, rest, isURL := strings.Cut(dsn, "://")
	switch {
	case !isURL && regexp.MustCompile(`^\s*\w+\s*=`).MatchString(dsn):
		return nil
	case !isURL || scheme != "postgres" && scheme != "postgresql":
		return fmt.Errorf("%s, not %s", help, MaskURL(dsn))
	}
	// A server behind a unix socket is named in the query.
	_, query, _ := strings.Cut(rest, "?")
	return checkHosts(dsn, rest, regexp.MustCompile(`(^|&)host=`).MatchString(query))
}

// checkHosts checks the host:port list of a URL without its scheme.
func checkHosts(dsn, rest string, hostOptional bool) error {
	hosts := rest
	if end := strings.IndexAny(hosts, "/?#"); end >= 0 {
		hosts = hosts[:end]
	}
	hosts = hosts[strings.LastIndex(hosts, "@")+1:]
	if hosts == "" {
		if hostOptional {
			return nil
		}
		return fmt.Errorf("names no host: %s", MaskURL(dsn))
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if err := checkHost(host); err != nil {
			return fmt.Errorf("%w, in %s; special characters of a password are to be percent-encoded", err, MaskURL(dsn))
		}
	}
	return nil
}

func checkHost(host string) error {
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if !strings.Contains(bare, ":") || bare != host && net.ParseIP(bare) != nil {
		if bare == "" {
			return errors.New("names an empty host")
		}
		return nil // no port
	}
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return errors.New("names a host that is not host:port")
	}
	// The port is not repeated: with a password badly written it is part of it.
	if checkPort(port) != nil {
		return errors.New("names a port that is no number from 0 to 65535")
	}
	return nil
}
