package catalogue

// Place is where a parameter stands in a request.
type Place string

// The places.
const (
	InPath   Place = "path"
	InQuery  Place = "query"
	InHeader Place = "header"
)

// ParameterType is what the values of a parameter have to be.
type ParameterType string

// The types of parameters.
const (
	Integer    ParameterType = "integer" // digits alone, from Min to Max
	Seconds    ParameterType = "seconds" // unix seconds with up to six decimals
	ID         ParameterType = "id"      // the id of a model or the name of a symbol
	Text       ParameterType = "text"
	Boolean    ParameterType = "boolean" // true or false
	DomainName ParameterType = "domain"
	FactKind   ParameterType = "fact kind"
	EventID    ParameterType = "event id"
	Choice     ParameterType = "choice" // one of Choices
)

// Parameter declares a parameter of a request. A view reads its own by their
// names.
type Parameter struct {
	Name        string
	In          Place
	Type        ParameterType
	Min, Max    int64  // of an Integer; Max 0 is none
	Default     int64  // of an Integer; 0 is none
	Required    bool   // also where it is not in the path
	Choices     string // of a Choice: the values, by commas; the first is what its absence means
	Description string
}

// MaxPage is how many rows of a list a page has at most, and DefaultPage how many
// where the request does not say.
const (
	MaxPage     = 1000
	DefaultPage = 100
)

// MaxQuery is how many characters a search has at most.
const MaxQuery = 200

// paged are the parameters of a list that comes by pages, behind those of its own.
func paged(own ...Parameter) []Parameter { return append(own, pageLimit, cursor) }

// The parameters of views.
var (
	modelInPath = Parameter{
		Name: "model", In: InPath, Type: ID,
		Description: "Id of the model. What can be no id is an unknown model.",
	}
	modelParameter = Parameter{
		Name: "model_id", In: InQuery, Type: ID,
		Description: "Id of the model; without it, every model. What can be no id is an unknown model.",
	}
	symbolInPath = Parameter{
		Name: "symbol", In: InPath, Type: ID,
		Description: "Name of the symbol. What can be no name is an unknown symbol.",
	}
	decisionInPath = Parameter{
		Name: "decision", In: InPath, Type: ID,
		Description: "Id of the decision. What can be no id is an unknown decision.",
	}
	lastHourlyMarker = Parameter{
		Name: "lastHourlyMarker", In: InQuery, Type: Integer, Min: -1,
		Description: "First marker to return. It is inclusive: the running hour's row still changes. " +
			"Without it the whole season is returned, and also where it is beyond the newest marker: the client then comes " +
			"from another season, and competition says which one this is. -1, which an empty season answers, is 0.",
	}
	competitionParameter = Parameter{
		Name: "competition", In: InQuery, Type: ID,
		Description: "Id of the competition; without it, the one of this instance: the running one that started last, as a rule. " +
			"What can be no id is an unknown competition.",
	}
	competitors = Parameter{
		Name: "limit", In: InQuery, Type: Integer, Min: 1,
		Description: "Number of competitors to return; without it, all of them.",
	}
	from = Parameter{
		Name: "from", In: InQuery, Type: Seconds,
		Description: "Unix seconds with up to six decimals, inclusive; without it, from the first row on.",
	}
	to = Parameter{
		Name: "to", In: InQuery, Type: Seconds,
		Description: "Unix seconds with up to six decimals, inclusive, not before from; without it, to the last row.",
	}
	queryParameter = Parameter{
		Name: "q", In: InQuery, Type: Text, Min: 1, Max: MaxQuery, Required: true,
		Description: "What to look for: words, of which a text has to have all, in any order; \"in quotes\" next to each other; " +
			"or between two for one of them; a - before one that it must not have. A query without a word that says something is refused.",
	}
	side = Parameter{
		Name: "side", In: InQuery, Type: Choice, Choices: ",long,short",
		Description: "Only those of one direction; without it, of both.",
	}
	sorted = Parameter{
		Name: "sort", In: InQuery, Type: Choice, Choices: "desc,asc",
		Description: "Newest first, desc, or oldest first, asc.",
	}
	symbolParameter = Parameter{
		Name: "symbol", In: InQuery, Type: ID,
		Description: "Only those of a symbol; without it, of every symbol. What can be no name is an unknown symbol.",
	}
	status = Parameter{
		Name: "status", In: InQuery, Type: Choice, Choices: "all,open,closed",
		Description: "Only positions that are open now, or only those that are closed.",
	}
	format = Parameter{
		Name: "format", In: InQuery, Type: Choice, Choices: "json,csv,ndjson",
		Description: "Csv and ndjson, as Accept with text/csv or application/x-ndjson, download every row that the other " +
			"parameters select; of limit and points only a given limit counts. A table has the names of the members as its " +
			"first row and numbers as in JSON; an apostrophe stands before text that a spreadsheet would take for a formula.",
	}
	pageLimit = Parameter{
		Name: "limit", In: InQuery, Type: Integer, Min: 1, Max: MaxPage, Default: DefaultPage,
		Description: "How many rows a page has at most.",
	}
	cursor = Parameter{
		Name: "cursor", In: InQuery, Type: Text,
		Description: "Continues behind a page: its next_cursor. It goes with the other parameters of that page, but for limit, which may change.",
	}
	points = Parameter{
		Name: "points", In: InQuery, Type: Integer, Min: MinPoints, Max: MaxPoints,
		Description: "How many points to return at most, or candles; without it, 500.",
	}
	resolution = Parameter{
		Name: "resolution", In: InQuery, Type: Choice, Choices: ",1m,15m,1h,1d",
		Description: "Candles instead of points, each of a minute, a quarter of an hour, an hour or a day of UTC: the first, " +
			"highest, lowest and last value, and when the series was highest and lowest. As many spans as points are looked " +
			"at, up to the newest row of the range; one without rows has no candle.",
	}
)

// MinPoints and MaxPoints bound what a series may be asked to have.
const (
	MinPoints = 2
	MaxPoints = 5000
)

const thinnedOut = "A range with no more rows than points comes whole. Of a longer one, its time is cut into equal " +
	"buckets, and of each the rows of the smallest and the largest value stay, besides the first and the last row of " +
	"all: no extreme is lost. Of three points, the one between the first and the last is the extreme farthest beyond " +
	"them. Served from the store alone, also while other views come from the JSON directory."

// idempotencyKey is read by the writes and by corrections.
var idempotencyKey = Parameter{
	Name: "Idempotency-Key", In: InHeader, Type: Text, Min: 1, Max: 255,
	Description: "Names the request: sent again with the same key, it gets the same answer. " +
		"1 to 255 visible ASCII characters.",
}

// competitionOfFact is read by corrections.
var competitionOfFact = Parameter{
	Name: "competition", In: InQuery, Type: ID,
	Description: "Competition of the fact where the body does not name it; without it, the default one.",
}

// WriteParameters are those of every write.
func WriteParameters() []Parameter {
	return []Parameter{
		{
			Name: "atomic", In: InQuery, Type: Boolean,
			Description: "Whether to store all items or none; false where it is absent.",
		},
		{
			Name: "register", In: InQuery, Type: Boolean,
			Description: "Whether to make unknown models, symbols and competitions known instead of refusing them; false where it is " +
				"absent. A competition that is made known so is upcoming.",
		},
		{
			Name: "competition", In: InQuery, Type: ID,
			Description: "Competition of the items of accounts that do not name theirs in competition_id; without it, the default one. " +
				"One that is not known is 422, and a fact later than the end of one that has ended 409.",
		},
		idempotencyKey,
	}
}
