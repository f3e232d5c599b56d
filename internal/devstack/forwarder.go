package devstack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// forwarder stands on loopback between the library that downloads Postgres and the
// repository. The library knows no context, counts nothing and keeps to itself why
// a repository cannot be reached.
type forwarder struct {
	url    string
	server *http.Server

	mu  sync.Mutex
	err error // why the repository was not reached
}

// forward starts a forwarder to a repository. Its requests end with ctx; progress is
// called with how many bytes of an archive have come, and of how many.
func forward(ctx context.Context, repository string, progress func(done, total int)) (*forwarder, error) {
	target, err := url.Parse(repository)
	if err != nil {
		return nil, fmt.Errorf("error reading the address of the repository: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return nil, fmt.Errorf("error preparing the download of Postgres: %w", err)
	}
	f := &forwarder{url: "http://" + listener.Addr().String()}
	f.server = &http.Server{ //nolint:gosec // its one client is this process
		BaseContext: func(net.Listener) context.Context { return ctx },
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
			ModifyResponse: func(r *http.Response) error {
				if r.StatusCode != http.StatusOK {
					if strings.HasSuffix(r.Request.URL.Path, ".jar") {
						f.note(fmt.Errorf("%s answered %s", r.Request.URL, r.Status))
					}
				} else if r.ContentLength > 0 {
					r.Body = &counted{ReadCloser: r.Body, total: int(r.ContentLength), progress: progress}
				}
				return nil
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
				f.note(err)
				w.WriteHeader(http.StatusBadGateway)
			},
		},
	}
	go func() { _ = f.server.Serve(listener) }() // it ends by Close
	return f, nil
}

func (f *forwarder) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// reason returns why the repository was not reached, nil where it was.
func (f *forwarder) reason() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *forwarder) close() { _ = f.server.Close() }

// counted reports how much of a body has been read.
type counted struct {
	io.ReadCloser
	done, total int
	progress    func(done, total int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.done += n
	c.progress(c.done, c.total)
	return n, err
}
