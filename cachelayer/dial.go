package cachelayer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// dialer opens the connections to every kind of server, secure where there is a
// configuration of TLS.
func dialer(timeout time.Duration, secure *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: timeout}
	if secure == nil {
		return plain.DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := secure.Clone()
		if c.ServerName == "" {
			c.ServerName, _, _ = net.SplitHostPort(addr)
		}
		inTime, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		client := tls.Client(conn, c)
		if err := client.HandshakeContext(inTime); err != nil {
			return nil, errors.Join(withRemedy(err), conn.Close())
		}
		return client, nil
	}
}

// withRemedy adds what to do about a connection that TLS has refused.
func withRemedy(err error) error {
	var remedy string
	switch {
	case isError[x509.UnknownAuthorityError](err):
		remedy = "name the PEM file of the authority that signed the certificate of Redis in redis.ca_file"
	case isError[x509.HostnameError](err):
		remedy = "REDIS_URL has to name Redis as its certificate does"
	case isError[x509.CertificateInvalidError](err):
		remedy = "renew the certificate of Redis, and look at the clocks"
	case isError[tls.RecordHeaderError](err), errors.Is(err, context.DeadlineExceeded):
		remedy = "no certificate came: where this port has no TLS, use the port that has, or redis://"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, remedy)
}

func isError[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}
