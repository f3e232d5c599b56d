package console

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/internal/arena"
	"nof0/internal/catalogue"
	"nof0/internal/wire"
)

// newestTrades is how many trades a list of the newest has.
const newestTrades = 12

// arenaData is what the first page shows.
type arenaData struct {
	Models         []model
	Curves         map[string]wire.EquityCurve
	Sketch         []sketched
	Prices         []wire.Price
	Standings      []standing
	Trades         []wire.Trade
	AsOf           float64 // unix seconds of the newest equity row; 0 before the first
	PricesFault    string
	StandingsFault string
	TradesFault    string
	ModelsFault    string
}

// model is a model with the color that it has on every page.
type model struct {
	wire.Model

	Color int
}

// Benchmark reports whether it only is compared with.
func (m model) Benchmark() bool { return m.Kind.Or("") == "benchmark" }

// Class is the class of its color.
func (m model) Class() string {
	if m.Benchmark() {
		return "benchmark"
	}
	return "m" + strconv.Itoa(m.Color)
}

// Name is its name for people, who see no blanks.
func (m model) Name() string { return cmp.Or(strings.TrimSpace(m.DisplayName.Or("")), m.ID) }

// colors is how many colors there are before they repeat.
const colors = 8

// standing is a row of the leaderboard with what other views know of the model.
type standing struct {
	wire.LeaderboardRow

	WinRate  wire.Opt[float64] // percent of the closed trades
	Drawdown wire.Opt[float64] // largest fall from a peak, percent of the peak
	Fees     wire.Opt[float64] // USD
}

// readModels reads the models, and gives each its color.
func (r *reading) readModels() (fault string, err error) {
	var known wire.Models
	fault, err = r.part(arena.Request{View: catalogue.ViewModels}, &known)
	for i, m := range known.Models {
		r.models = append(r.models, model{m, i % colors})
	}
	return fault, err
}

// Models lists the models, in the order of lists.
func (s shown) Models() []model { return s.models }

// Who names a model, with its color, and leads to its page.
func (s shown) Who(id string) template.HTML {
	color, name := "", id
	for _, m := range s.models {
		if m.ID == id {
			color, name = ` class="`+m.Class()+`"`, m.Name()
		}
	}
	//nolint:gosec // address and name are escaped
	return template.HTML("<i" + color + `></i><a href="` + template.HTMLEscapeString(s.Link("models", id)) + `">` +
		template.HTMLEscapeString(name) + "</a>")
}

// curves reads the curve of every model.
func (r *reading) curves() (map[string]wire.EquityCurve, string, error) {
	var curves wire.EquityCurves
	fault, err := r.part(arena.Request{View: catalogue.ViewEquity, Series: arena.Series{Points: sketchPoints}}, &curves)
	of := map[string]wire.EquityCurve{}
	for _, c := range curves.Equity {
		of[c.ModelID] = c
	}
	return of, fault, err
}

// arenaPage reads the first page.
func arenaPage(r *reading) (any, error) {
	var d arenaData
	fault, err := r.readModels()
	if err != nil {
		return nil, err
	}
	d.ModelsFault = fault
	curves, curvesFault, err := r.curves()
	if err != nil {
		return nil, err
	}
	d.Curves = curves
	// A model takes part where it has a curve.
	for _, m := range r.models {
		if curve, ok := curves[m.ID]; ok || curvesFault != "" {
			d.Models = append(d.Models, m)
			if n := len(curve.Points); n > 0 {
				d.AsOf = max(d.AsOf, curve.Points[n-1].Timestamp)
			}
		}
	}
	d.Sketch = r.sketch(d.Models, curves)
	var prices wire.CryptoPrices
	if d.PricesFault, err = r.part(arena.Request{View: catalogue.ViewCryptoPrices}, &prices); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(prices.Prices)) {
		d.Prices = append(d.Prices, prices.Prices[name])
	}
	var trades wire.Trades
	if d.TradesFault, err = r.part(arena.Request{View: catalogue.ViewTrades, Limit: newestTrades}, &trades); err != nil {
		return nil, err
	}
	d.Trades = trades.Trades
	d.Standings, d.StandingsFault, err = r.standings(curves)
	return d, err
}

// standings reads the leaderboard and what stands in other views of its models.
func (r *reading) standings(curves map[string]wire.EquityCurve) ([]standing, string, error) {
	var board wire.Leaderboard
	fault, err := r.part(arena.Request{View: catalogue.ViewLeaderboard}, &board)
	if err != nil || fault != "" {
		return nil, fault, err
	}
	var analytics wire.Analytics
	if _, err = r.part(arena.Request{View: catalogue.ViewAnalytics}, &analytics); err != nil {
		return nil, "", err
	}
	fees := map[string]wire.Opt[float64]{}
	for _, raw := range analytics.Analytics {
		id, paid, err := feesIn(raw)
		if err != nil {
			return nil, "", err
		}
		fees[id] = paid
	}
	rows := make([]standing, len(board.Leaderboard))
	for i, row := range board.Leaderboard {
		rows[i] = standing{LeaderboardRow: row, Fees: fees[row.ID]}
		if row.NumTrades > 0 {
			rows[i].WinRate = wire.Some(100 * float64(row.NumWins) / float64(row.NumTrades))
		}
		if curve, ok := curves[row.ID]; ok && curve.Rows > 0 {
			rows[i].Drawdown = wire.Some(curve.MaxDrawdownPct)
		}
	}
	return rows, "", nil
}

// feesIn is what a document of metrics says of fees, and whose it is.
func feesIn(raw jsontext.Value) (id string, paid wire.Opt[float64], err error) {
	var doc struct {
		ModelID string `json:"model_id"`
		Fees    struct {
			Total wire.Opt[float64] `json:"total_fees_paid"`
		} `json:"fee_pnl_moves_breakdown_table"`
	}
	err = wire.Unmarshal(raw, &doc)
	return doc.ModelID, doc.Fees.Total, err
}
