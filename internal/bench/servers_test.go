//go:build bench

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"nof0/internal/await"
)

const token = "a-token-that-only-this-run-knows"

// program is the binary that is measured.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/nof0")
	require.NoError(t, err)
	return path
}

// nof0 runs a command of the binary to its end.
func nof0(t *testing.T, dsn string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dsn)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "nof0 %s: %s", strings.Join(args, " "), out)
}

// database makes an empty database beside that of DATABASE_URL and drops it in the end.
func database(t *testing.T) (dsn string) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), os.Getenv("DATABASE_URL"))
	require.NoError(t, err, "make bench gives DATABASE_URL")
	name := "bench_" + strings.ToLower(rand.Text())
	_, err = admin.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	c := admin.Config()
	dsn = (&url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password),
		Host: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), Path: name, RawQuery: "sslmode=disable",
	}).String()
	return dsn
}

// serve starts the binary on a database and returns its address once it is ready.
func serve(t *testing.T, dsn string, env ...string) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	var log bytes.Buffer
	cmd := exec.Command(program(t), "serve")
	cmd.Env = append(os.Environ(), append(env,
		"DATABASE_URL="+dsn, "NOF0_HTTP_ADDR="+addr, "NOF0_INGEST_TOKEN="+token, "NOF0_ADMIN_TOKEN="+token, "NOF0_METRICS_ADDR=", "NOF0_HTTP_DRAIN=0s")...)
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%.1000s", log.String())
		}
	})
	base = "http://" + addr
	await.True(t, func() bool {
		res, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, "%s", &log)
	return base
}

// answer is a body as a server sent it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func get(t *testing.T, url string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header.Set("Accept-Encoding", "identity")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, body}
}

// bare serves the answers of another server, by path, with nothing but Gin: plain, gzip
// and 304. It sends the same bytes, all headers among them, or no more headers than a body
// needs.
func bare(t *testing.T, url string, paths []string, whole bool) string {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	for _, path := range paths {
		plain := get(t, url+path)
		require.Equal(t, http.StatusOK, plain.status, "%s: %.200s", path, plain.body)
		tag := plain.header.Get("ETag")
		asIs, packed, known := sending(plain, whole), sending(get(t, url+path, "Accept-Encoding: gzip"), whole),
			sending(get(t, url+path, "If-None-Match: "+tag), whole)
		route, _, _ := strings.Cut(path, "?")
		router.GET(route, func(c *gin.Context) {
			switch {
			case c.GetHeader("If-None-Match") == tag:
				known(c)
			case strings.Contains(c.GetHeader("Accept-Encoding"), "gzip"):
				packed(c)
			default:
				asIs(c)
			}
		})
	}
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	return server.URL
}

// sending returns what sends an answer again.
func sending(a answer, whole bool) gin.HandlerFunc {
	type field struct{ name, value string }
	var fields []field
	for name, values := range a.header {
		switch name {
		case "Date", "Content-Type": // which net/http and Gin set
		case "Etag", "Content-Encoding":
			fields = append(fields, field{name, values[0]})
		default:
			if whole {
				fields = append(fields, field{name, strings.Join(values, ", ")})
			}
		}
	}
	kind := a.header.Get("Content-Type")
	return func(c *gin.Context) {
		for _, f := range fields {
			c.Header(f.name, f.value)
		}
		if a.status == http.StatusOK {
			c.Data(a.status, kind, a.body)
		} else {
			c.Status(a.status)
		}
	}
}
