package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

func (l *loader) checkTracing() {
	t := l.config.Tracing
	l.check("tracing.endpoint", checkCollector(t.Endpoint))
	_, err := t.Header()
	l.check("tracing.headers", err)
	if r := t.SampleRatio; !(r >= 0 && r <= 1) { // nor is it no number
		l.check("tracing.sample_ratio", fmt.Errorf("must be from 0 to 1, not %v", r))
	}
	l.check("tracing.service_name", checkPresent(t.ServiceName))
}

func checkCollector(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL such as http://collector:4318, without user, query and fragment; what is secret belongs to tracing.headers")
	}
	return nil
}

// Header returns the headers by name. The error repeats no value.
func (t Tracing) Header() (map[string]string, error) {
	headers := make(map[string]string, len(t.Headers))
	var faults []string
	for i, pair := range t.Headers {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			faults = append(faults, fmt.Sprintf("the one at %d is not NAME=VALUE with the value percent-encoded", i+1))
			continue
		}
		headers[name] = value
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return headers, nil
}

// checkOpenTelemetry refuses standard variables that would be ignored. Those that are
// neither here nor keys are read by the SDK: resource attributes, sizes, timeouts,
// compression and certificates.
func (l *loader) checkOpenTelemetry(env map[string]string) {
	if l.config.Tracing.Endpoint == "" && env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "" {
		return
	}
	for _, v := range standardVariables() {
		if value := env[v.name]; value != "" && !slices.Contains(v.values, value) {
			l.fault(v.name, "is not done: "+v.help)
		}
	}
}

// standardVariable is one that may ask for something which is not done.
type standardVariable struct {
	name, help string
	values     []string // that say what is done
}

func standardVariables() []standardVariable {
	return []standardVariable{
		{"OTEL_SDK_DISABLED", "leave OTEL_EXPORTER_OTLP_ENDPOINT out to record nothing", []string{"false"}},
		{"OTEL_TRACES_EXPORTER", "spans are sent by OTLP, or not at all where OTEL_EXPORTER_OTLP_ENDPOINT is left out", []string{"otlp"}},
		{"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG says which part of the requests is recorded", []string{"parentbased_traceidratio"}},
		{"OTEL_PROPAGATORS", "the context comes in the headers of the W3C", []string{"tracecontext", "tracecontext,baggage"}},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "spans are sent over HTTP", []string{"http/protobuf"}},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "spans are sent over HTTP", []string{"http/protobuf"}},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "set OTEL_EXPORTER_OTLP_ENDPOINT, without /v1/traces", nil},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "set OTEL_EXPORTER_OTLP_HEADERS", nil},
	}
}
