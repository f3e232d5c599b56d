package catalogue

import "strings"

// Tag groups the endpoints in the API document.
type Tag string

// The tags. Endpoints of TagIngest and TagAdmin need the token of that surface.
const (
	TagArena  Tag = "arena"
	TagEvents Tag = "events"
	TagIngest Tag = "ingest"
	TagAdmin  Tag = "admin"
	TagSystem Tag = "system"
)

// Endpoint declares an endpoint that is neither a view nor a write.
type Endpoint struct {
	Operation            string // its id in the API document
	Method, Path         string
	Tag                  Tag
	Summary, Description string
	Parameters           []Parameter
}

// Endpoints lists what there is beside views and writes, in the order of the API
// document.
func Endpoints() []Endpoint {
	return []Endpoint{
		{
			Operation: "streamEvents", Method: "GET", Path: "/api/stream", Tag: TagEvents,
			Summary: "Events as they happen",
			Description: "Server-Sent Events. A frame has as its id the sequence with a tag of the database, the type as its event, and as its data one " +
				"line of JSON, an Event. Events are emitted after the facts are committed, at least once, and in order.\n\nAn " +
				"idle stream sends a comment every 15 seconds; where events passed by that were not asked for, it " +
				"carries the id of the last of them. The last event is of type end, and its data {reason: closing, " +
				"slow_consumer, gone or failure}; unless the reason is gone, come back with the last id. A client " +
				"that does not read for 10 seconds is dropped.",
			Parameters: []Parameter{
				{Name: "types", In: InQuery, Type: Text, Description: "Types of events by commas; without it, all: " + strings.Join(EventTypes(), ", ") + "."},
				{
					Name: "model_id", In: InQuery, Type: Text,
					Description: "Only the events of a model. Those of no model, such as prices and imports, are then left out.",
				},
				{
					Name: "symbol", In: InQuery, Type: Text,
					Description: "Only the events whose data name a symbol: trades, positions, corrections, market metadata, the " +
						"symbol itself, and the batches of prices that it is among, which come whole.",
				},
				{
					Name: "competition", In: InQuery, Type: ID,
					Description: "Only the events of accounts in a competition. Those of no account, such as prices, are then " +
						"left out. Without it come those of all; each of accounts says competition_id.",
				},
				{
					Name: "last_event_id", In: InQuery, Type: EventID,
					Description: "Resumes after this id, for clients that cannot set headers; without it and the header, " +
						"the stream begins with the next event. After 0 come all events that are kept, from the first one on. " +
						"An id of another database is 410, and so is a sequence without a tag, but for those of events that " +
						"earlier servers have sent so.",
				},
				{
					Name: "Last-Event-ID", In: InHeader, Type: EventID,
					Description: "Resumes after this id. It goes before the parameter, which a browser repeats when it comes back.",
				},
			},
		},
		{
			Operation: "listParityRuns", Method: "GET", Path: "/admin/parity", Tag: TagAdmin,
			Summary: "Reports of comparisons",
			Description: "The newest reports of comparing the JSON files with Postgres, newest first, each with its first " +
				"findings.",
			Parameters: []Parameter{
				{
					Name: "domain", In: InQuery, Type: DomainName,
					Description: "The domain; all where it is left out.",
				},
				{
					Name: "limit", In: InQuery, Type: Integer, Min: 1, Default: 20,
					Description: "How many reports; 1000 at most.",
				},
			},
		},
		{
			Operation: "runParity", Method: "POST", Path: "/admin/parity", Tag: TagAdmin,
			Summary: "Compare now",
			Description: "Compares what the JSON files and Postgres answer, past every cache, and keeps the reports, which it " +
				"answers with in full. What differs is read again some times, and counts only where it differs in the " +
				"same way each time.",
			Parameters: []Parameter{
				{
					Name: "domain", In: InQuery, Type: DomainName,
					Description: "The domain; all where it is left out.",
				},
			},
		},
		{
			Operation: "listDomains", Method: "GET", Path: "/admin/rollout", Tag: TagAdmin,
			Summary:     "Where every domain is",
			Description: "The switches of every domain, in the order in which the domains move, and the newest changes.",
		},
		{
			Operation: "setDomain", Method: "PUT", Path: "/admin/rollout/:domain", Tag: TagAdmin,
			Summary: "Set the switches of a domain",
			Description: "Moves a domain between the JSON files and Postgres, under full load. What is not given stays as it " +
				"is. When the answer is sent, every write follows the new modes, and every process answers by them " +
				"within a second. A side that lies behind is brought along first: the files are imported on the way " +
				"to the store and rendered on the way back. Refused with the reason: reading from the store while " +
				"writes go to the files alone; writing to the store alone while reads come from the files; reading " +
				"from the store without a recent parity run that found both sides equal, which force overrides. Every " +
				"change is recorded.",
			Parameters: []Parameter{
				{
					Name: "domain", In: InPath, Type: DomainName,
					Description: "The domain.",
				},
			},
		},
		{
			Operation: "listCorrections", Method: "GET", Path: "/admin/corrections", Tag: TagAdmin,
			Summary: "Corrections of facts",
			Description: "What operators have voided or replaced, newest first, with what was there before, who corrected " +
				"it, when and why.",
			Parameters: []Parameter{
				{Name: "kind", In: InQuery, Type: FactKind, Description: "The kind of fact; all where it is left out."},
				{Name: "model_id", In: InQuery, Type: Text, Description: "The model; all where it is left out."},
				{
					Name: "before", In: InQuery, Type: Integer, Min: 1,
					Description: "List those before the correction of this id: next of the page before.",
				},
				{Name: "limit", In: InQuery, Type: Integer, Min: 1, Default: 20, Description: "How many; 1000 at most."},
			},
		},
		{
			Operation: "correctFact", Method: "POST", Path: "/admin/corrections", Tag: TagAdmin,
			Summary: "Void or replace a fact",
			Description: "Voids a stored trade, equity row or decision, or puts another one in its place. Statistics, " +
				"metrics, positions and every view are then what they were without the fact, or with the other one from " +
				"the start. What was there before is kept. No sender and no import changes what was corrected; to bring " +
				"back what was voided, replace it. Void of what is void, and a replacement that says the same, are " +
				"unchanged. Refused while the writes of its domain go to the JSON files alone.",
			Parameters: []Parameter{competitionOfFact, idempotencyKey},
		},
		{
			Operation: "getSystem", Method: "GET", Path: "/admin/system", Tag: TagAdmin,
			Summary:     "How the process is",
			Description: "Of the process that answers: whether Postgres and Redis can be used, connections, breaker, requests, streams.",
		},
		{
			Operation: "getCache", Method: "GET", Path: "/admin/cache", Tag: TagAdmin,
			Summary:     "Hits of the cache",
			Description: "Hits and misses by family of keys, of the process that answers, since it started.",
		},
		{
			Operation: "getOutbox", Method: "GET", Path: "/admin/outbox", Tag: TagAdmin,
			Summary:     "Events between Postgres and Redis",
			Description: "How many events wait to be relayed and since when, and what the process that answers has relayed.",
		},
		{
			Operation: "getJobs", Method: "GET", Path: "/admin/jobs", Tag: TagAdmin,
			Summary:     "Work beside the requests",
			Description: "The last round of each job of the process that answers, how long it took, and when the next one begins.",
		},
		{
			Operation: "getMigrations", Method: "GET", Path: "/admin/migrations", Tag: TagAdmin,
			Summary:     "Version of the schema",
			Description: "What has been applied to the database, and what is pending.",
		},
		{
			Operation: "getTables", Method: "GET", Path: "/admin/tables", Tag: TagAdmin,
			Summary:     "Sizes of tables",
			Description: "Rows, bytes, growth and partitions of each table, the archives of old partitions, and the disks of configured directories.",
		},
		{
			Operation: "getStatements", Method: "GET", Path: "/admin/statements", Tag: TagAdmin,
			Summary:     "What statements take",
			Description: "Calls of repositories by name, of the process that answers, since it started.",
		},
		{
			Operation: "getConfiguration", Method: "GET", Path: "/admin/configuration", Tag: TagAdmin,
			Summary:     "Configuration in force",
			Description: "Every setting of the process that answers, and where its value is from. Secrets are masked.",
		},
		{
			Operation: "getIngest", Method: "GET", Path: "/admin/ingest", Tag: TagAdmin,
			Summary:     "What became of writes",
			Description: "Items that the process that answers took in since it started, by kind and by minute, and the newest that it rejected, with the reasons.",
		},
		{
			Operation: "getLogLevel", Method: "GET", Path: "/admin/log-level", Tag: TagAdmin,
			Summary:     "Level of the log",
			Description: "From which level on the process that answers logs.",
		},
		{
			Operation: "setLogLevel", Method: "PUT", Path: "/admin/log-level", Tag: TagAdmin,
			Summary:     "Set the level of the log",
			Description: "Logs from another level on, until the process that answers stops. The log says who wanted that.",
		},
		{
			Operation: "getHome", Method: "GET", Path: "/", Tag: TagSystem,
			Summary:     "The console, or links",
			Description: "Browsers, which accept text/html, get the first page of the console; everybody else gets the links as JSON.",
		},
		{
			Operation: "getHealth", Method: "GET", Path: "/healthz", Tag: TagSystem,
			Summary: "Liveness",
		},
		{
			Operation: "getReadiness", Method: "GET", Path: "/readyz", Tag: TagSystem,
			Summary: "Readiness",
		},
		{
			Operation: "getMetrics", Method: "GET", Path: "/metrics", Tag: TagSystem,
			Summary: "Metrics",
		},
		{
			Operation: "getOpenAPI", Method: "GET", Path: "/openapi.json", Tag: TagSystem,
			Summary: "This document",
		},
		{
			Operation: "getDocs", Method: "GET", Path: "/docs", Tag: TagSystem,
			Summary: "This document for people",
		},
	}
}
