package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"nof0/config"
)

// tracerName is the instrumentation that spans are of.
const tracerName = "nof0"

// flushWithin bounds how long a stop waits for a collector.
const flushWithin = 3 * time.Second

// Tracing records spans and sends them to a collector, from a queue: a collector that is
// slow or away costs spans, and no request waits. A nil one records nothing.
type Tracing struct{ provider *sdktrace.TracerProvider }

// NewTracing returns what sends spans to the collector that c names, nil where it names
// none. Reg takes the metric of spans, and the logger a line when the collector goes.
func NewTracing(ctx context.Context, c config.Tracing, build Build, reg prometheus.Registerer, logger *slog.Logger) (*Tracing, error) {
	if c.Endpoint == "" {
		return nil, nil //nolint:nilnil // which records nothing
	}
	headers, err := c.Header()
	if err != nil {
		return nil, fmt.Errorf("error in tracing.headers: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(c.Endpoint, "/")+"/v1/traces"),
		otlptracehttp.WithHeaders(headers), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, fmt.Errorf("error in tracing: %w", err)
	}
	process, err := resource.New(ctx, resource.WithFromEnv(), resource.WithHost(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(c.ServiceName), semconv.ServiceVersion(build.Version)))
	if err != nil {
		return nil, fmt.Errorf("error in OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	spans := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "nof0_spans_total",
		Help: "Spans that were sent to the collector of traces, or failed to be; those that found its queue full are in neither.",
	}, []string{"outcome"})
	return &Tracing{sdktrace.NewTracerProvider(
		sdktrace.WithResource(process),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.SampleRatio))),
		sdktrace.WithBatcher(&reporting{
			SpanExporter: exporter, logger: logger, lines: OncePerOutage(),
			sent: spans.WithLabelValues("sent"), failed: spans.WithLabelValues("failed"),
		}),
	)}, nil
}

// Tracer begins spans of requests and of rounds; see Span for those below. It is nil where
// nothing is recorded.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(tracerName)
}

// Close sends what was recorded, within three seconds: a collector that is away keeps
// nobody from stopping.
func (t *Tracing) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("error ending the traces: %w", err)
	}
	return nil
}

// reporting is an exporter whose failures are logged and counted, and are nobody's fault.
type reporting struct {
	sdktrace.SpanExporter

	logger       *slog.Logger
	lines        *Throttle
	sent, failed prometheus.Counter
}

// ExportSpans implements sdktrace.SpanExporter.
func (r *reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		r.sent.Add(float64(len(spans)))
		return nil
	}
	r.failed.Add(float64(len(spans)))
	if leftOut, ok := r.lines.Pass(time.Now()); ok {
		r.logger.WarnContext(ctx, "the collector of traces takes no spans", slog.Any("error", err), slog.Int64("left_out", leftOut))
	}
	return nil
}

// Span begins a span below that of ctx, and returns the context of what is below it. Where
// ctx has none that is recorded, nothing is.
func Span(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, noop.Span{}
	}
	return above.TracerProvider().Tracer(tracerName).Start(ctx, name, trace.WithAttributes(attrs...)) //nolint:spancheck // who asks for it ends it
}

// EndSpan ends a span, with whether it failed and not why: an error may quote values.
func EndSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
