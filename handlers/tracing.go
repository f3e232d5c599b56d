package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// traced records a span of each request, below the one that its traceparent names. That of
// a stream of events ends with its first byte, as for observe. What probes and scrapers
// ask every few seconds has none.
func traced(tracer trace.Tracer) gin.HandlerFunc {
	return func(c *gin.Context) {
		route, method := routeOf(c), methodLabel(c.Request.Method)
		if route == pathHealth || route == pathReady || route == pathMetrics {
			return
		}
		ctx := propagation.TraceContext{}.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		ctx, span := tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route)))
		c.Request = c.Request.WithContext(ctx)
		defer func() {
			r := recordOf(c.Request.Context())
			status := statusOf(c, r)
			span.SetAttributes(semconv.HTTPResponseStatusCode(status),
				attribute.String("nof0.request_id", r.id), attribute.String("nof0.source", c.Writer.Header().Get(headerSource)))
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
				span.SetAttributes(semconv.ErrorTypeKey.String(string(r.problem)))
			}
			span.End(trace.WithTimestamp(r.begun)) // zero is now
		}()
		c.Next()
	}
}
