package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"nof0/config"
	"nof0/internal/arena"
	"nof0/internal/wire"
)

const (
	// pathIngest is what the routes of the write surface begin with.
	pathIngest = "/api/ingest/"
	// maxBody is the most bytes that one write may bring.
	maxBody = 8 << 20
	// bodyTimeout is how long a body may take where no read timeout is set.
	bodyTimeout = 30 * time.Second

	headerKey  = "Idempotency-Key"
	longestKey = 255
)

// intake is the write surface.
type intake struct {
	to     arena.Ingester
	tokens *tokens
	within time.Duration // in which a body has to arrive
	now    func() time.Time
	// metrics counts every item.
	metrics Metrics
}

func newIntake(opts Options, who *tokens) *intake {
	return &intake{
		to: opts.Ingest, tokens: who, within: bodyTimeoutOf(opts.Config), now: opts.Now,
		metrics: opts.Metrics,
	}
}

func bodyTimeoutOf(c config.HTTP) time.Duration {
	if c.ReadTimeout <= 0 {
		return bodyTimeout
	}
	return c.ReadTimeout
}

// writeOptions are the parameters of a write.
type writeOptions struct {
	atomic, register bool
	key, competition string
}

func writeParameters() []parameter[writeOptions] {
	return []parameter[writeOptions]{
		query("atomic", boolean(), func(o *writeOptions, v bool) { o.atomic = v }),
		query("register", boolean(), func(o *writeOptions, v bool) { o.register = v }),
		competitionParameter(),
		keyParameter(),
	}
}

// competitionParameter is the competition of what names none itself.
func competitionParameter() parameter[writeOptions] {
	return query("competition", form[string]{
		parse: func(raw string) (string, bool) { return raw, wire.CheckID(raw) == nil }, wrong: "is no id of a competition",
	}, func(o *writeOptions, v string) { o.competition = v })
}

// keyParameter is the key by which a request that is sent again gets the answer of
// the first one.
func keyParameter() parameter[writeOptions] {
	return header(headerKey, form[string]{
		parse: func(raw string) (string, bool) {
			return raw, raw != "" && len(raw) <= longestKey && visible(raw)
		},
		wrong: fmt.Sprintf("is not 1 to %d visible ASCII characters", longestKey),
	}, func(o *writeOptions, v string) { o.key = v })
}

// handler takes in the writes of a kind.
func (i *intake) handler(kind arena.IngestKind) gin.HandlerFunc {
	return func(c *gin.Context) {
		batch, err := i.read(c, kind)
		if err != nil {
			fail(c, err)
			return
		}
		ctx, done := staying(c.Request.Context())
		defer done()
		reply, err := i.to.Ingest(ctx, batch)
		if err != nil {
			fail(c, err)
			return
		}
		i.observe(kind, reply)
		response := reply.Response
		if response == nil {
			rendered, err := respond(reply)
			if err != nil {
				fail(c, err)
				return
			}
			response = &rendered
		}
		h := c.Writer.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", contentJSON)
		setLength(h, len(response.Body))
		c.Writer.WriteHeader(response.Status)
		if _, err := c.Writer.Write(response.Body); err != nil {
			recordOf(c.Request.Context()).clientGone(err)
		}
	}
}

func (i *intake) observe(kind arena.IngestKind, reply *arena.Reply) {
	for _, r := range reply.Results {
		outcome := r.Outcome
		if r.Rejected != nil {
			outcome = string(r.Rejected.Why)
		}
		i.metrics.ObserveItem(string(kind), outcome)
	}
}

// staying returns a context that keeps the deadline of a request and not its
// client: a write that has arrived is done whether or not somebody waits.
func staying(ctx context.Context) (context.Context, context.CancelFunc) {
	free := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(free, deadline)
	}
	return context.WithCancel(free)
}

// read takes a request apart. Whoever may not write learns nothing but that,
// and has no body read.
func (i *intake) read(c *gin.Context, kind arena.IngestKind) (arena.Batch, error) {
	batch := arena.Batch{Kind: kind}
	if i.to == nil {
		return batch, errNotConfigured
	}
	who, err := i.tokens.check(c, config.ScopeIngest+"/"+string(kind), errNoToken)
	if err != nil {
		return batch, err
	}
	if err := checkContent(c.Request.Header); err != nil {
		return batch, err
	}
	var options writeOptions
	if err := readParameters(c, &options, writeParameters()); err != nil {
		return batch, err
	}
	body, err := readBody(c, i.now().Add(i.within))
	if err != nil {
		return batch, err
	}
	batch.Items, batch.Single, err = splitItems(body)
	if err != nil {
		return batch, err
	}
	batch.Atomic, batch.Register, batch.Competition = options.atomic, options.register, options.competition
	batch.Respond = respond
	if options.key != "" {
		batch.Key = &arena.RequestKey{
			TokenID: who.id, Key: options.key, Digest: digestOf(kind, options, body),
		}
	}
	return batch, nil
}

// digestOf identifies a write by all that decides what it does.
func digestOf(kind arena.IngestKind, o writeOptions, body []byte) string {
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%s atomic=%t register=%t\n", kind, o.atomic, o.register) // a hash never fails
	if o.competition != "" {
		_, _ = fmt.Fprintf(hash, "competition=%s\n", o.competition)
	}
	_, _ = hash.Write(body)
	return hex.EncodeToString(hash.Sum(nil))
}

// checkContent refuses a body that is not JSON as it stands.
func checkContent(request http.Header) error {
	for _, coding := range request.Values("Content-Encoding") {
		if coding != "" && !strings.EqualFold(coding, string(identity)) {
			return errContentCoding
		}
	}
	mediaType, parameters, err := mime.ParseMediaType(request.Get("Content-Type"))
	if err != nil || mediaType != contentJSON {
		return errMediaType
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}

// readBody reads the body of a request within its bounds. It takes memory for what has
// arrived: whoever announces much and sends little costs little.
func readBody(c *gin.Context, until time.Time) ([]byte, error) {
	announced := c.Request.ContentLength
	if announced > maxBody {
		c.Header("Connection", "close") // or the server would read on, to keep the connection
		return nil, errTooLarge
	}
	_ = http.NewResponseController(c.Writer).SetReadDeadline(until) // not every writer has deadlines
	var body bytes.Buffer
	_, err := body.ReadFrom(http.MaxBytesReader(unwrap(c.Writer), c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body.Bytes(), nil
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, errBodiesFull):
		c.Header("Connection", "close")
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", errSlowBody, err)
	default:
		fault := wire.Fault{Reason: fmt.Sprintf("could not be read beyond byte %d", body.Len())}
		return nil, fmt.Errorf("%w: %w", &malformedError{fault}, err)
	}
}
