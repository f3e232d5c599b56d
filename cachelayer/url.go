package cachelayer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrBadURL reports a Redis URL that cannot be used. The URL itself is never
// part of the error: it carries the password, and the errors of the URL
// parsers quote it.
var ErrBadURL = errors.New("not a usable Redis URL")

// address is a parsed Redis URL: one node, or a cluster when cluster is set.
type address struct {
	node    *redis.Options
	cluster *redis.ClusterOptions
}

// parseURL understands what go-redis understands (redis, rediss and unix; every
// option of redis.ParseURL and redis.ParseClusterURL as a query parameter), and
// reads the URL as that of a cluster when it lists several addresses, as
// redis://a:6379,b:6379 or as addr parameters, or says cluster=true.
func parseURL(raw string) (address, error) {
	raw, rest := splitHosts(raw)
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, fmt.Errorf("error parsing Redis URL: %w", ErrBadURL)
	}
	query := u.Query()
	asked := query.Get("cluster")
	query.Del("cluster")
	for _, host := range rest {
		query.Add("addr", host)
	}
	u.RawQuery = query.Encode()

	if asked != "true" && asked != "1" && !query.Has("addr") {
		node, err := redis.ParseURL(u.String())
		if err != nil {
			return address{}, fmt.Errorf("error parsing Redis URL of one node: %w", ErrBadURL)
		}
		return address{node: node}, nil
	}
	// A cluster has only database 0, and go-redis would pass over another one
	// in silence.
	if path := strings.Trim(u.Path, "/"); path != "" && path != "0" {
		return address{}, fmt.Errorf("error parsing Redis URL: a cluster has no database but 0: %w", ErrBadURL)
	}
	cluster, err := redis.ParseClusterURL(u.String())
	if err != nil {
		return address{}, fmt.Errorf("error parsing Redis URL of a cluster: %w", ErrBadURL)
	}
	return address{cluster: cluster}, nil
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
