package handlers

import "nof0/internal/arena"

// Values of headers, which all responses share: who adds to one makes another.
var (
	noSniff   = []string{"nosniff"}
	noContent = []string{"default-src 'none'; frame-ancestors 'none'"}

	corsExposed  = []string{"ETag, Link, X-Data-Source, X-Request-Id, Retry-After"}
	corsEveryone = []string{"*"}

	typeJSON = []string{contentJSON}
	// contentCodings has no identity, which is not named.
	contentCodings = map[coding][]string{brotlied: {"br"}, zstandard: {"zstd"}, gzipped: {"gzip"}}
	// downloadTypes are the media types of the formats that a list may be downloaded in.
	downloadTypes = map[string]string{arena.FormatCSV: "text/csv", arena.FormatNDJSON: "application/x-ndjson"}

	// varies are the values of Vary.
	varies = [][]string{
		{"Origin"},
		{"Origin", "Accept-Encoding"},
		{"Origin", "Accept-Encoding", "Accept"},
		{"Accept-Encoding"},
		{"Accept-Encoding", "Accept"},
	}
)
