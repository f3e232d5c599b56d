package repository

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// Trades keeps the closed trades. A trade never changes once seen.
type Trades struct{ base }

// Insert adds trades and moves the statistics of their models by those that
// are new. It must run inside a transaction, so that the two agree. It is for
// imports; ingest brings trades by Trading.Fills.
func (r Trades) Insert(ctx context.Context, trades []entities.Trade) (outcomes []Outcome, err error) {
	err = r.run(ctx, "trades", "Insert", func(db *gorm.DB) error {
		outcomes, err = insertFacts(db, trades, func(a, b *entities.Trade) bool { return sameRow(a, b) })
		if err != nil {
			return err
		}
		var added []entities.Trade
		for i, o := range outcomes {
			if o == Inserted {
				added = append(added, trades[i])
			}
		}
		return addTrades(db, added, false)
	})
	return outcomes, err
}

// Newest returns the newest n trades of each model: by model, newest exit
// first, ties by id descending.
func (r Trades) Newest(ctx context.Context, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "Newest", func(db *gorm.DB) error {
		return db.Raw(`
			SELECT `+columnsOf[entities.Trade](db, "newest")+`
			FROM models m
			CROSS JOIN LATERAL (
				SELECT *
				FROM trades t
				WHERE t.competition_id = @competition AND t.model_id = m.id
				ORDER BY `+newestTrades+`
				LIMIT ?
			) newest
			ORDER BY newest.`+byModel+`, newest.exit_time DESC, newest.id COLLATE "C" DESC`, n, in(db)).Scan(&trades).Error
	})
	return trades, err
}

// Before returns up to n trades of a model that stand after the given one in
// the order of time, newest exit first; the first ones where it is nil.
func (r Trades) Before(ctx context.Context, model string, last *entities.Trade, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "Before", func(db *gorm.DB) error {
		query := db.Where("model_id = ?", model)
		if last != nil {
			query = query.Where(`(exit_time, id COLLATE "C") < (?, ?)`, last.ExitTime, last.ID)
		}
		return query.Order(newestTrades).Limit(n).Find(&trades).Error
	})
	return trades, err
}

// TradeFilter selects trades: of a model, of a symbol, of one side, whose exit is in a
// span. What is empty selects nothing.
type TradeFilter struct {
	Model, Symbol, Side string
	Span                Span
	Ascending           bool      // oldest exit first
	After               *TradeKey // only those behind it; nil is from the first one on
}

// TradeKey is where a trade stands in the order of exits: by time, id, model.
type TradeKey struct {
	ExitTime    time.Time
	ID, ModelID string
}

// Page returns up to n trades in the order of exits. Of each part that an index has in
// that order the first are found, and the first n of all are read, by where the row is.
// Where there are many parts, a look at a few rows of each tells first behind which time
// none of the n can be, so that the parts together have little more than n rows to give.
func (r Trades) Page(ctx context.Context, f TradeFilter, n int) (trades []entities.Trade, err error) {
	err = r.run(ctx, "trades", "Page", func(db *gorm.DB) error {
		parts, few, partArgs := f.parts(n)
		where, whereArgs := f.conditions()
		bound, args := "", []any{}
		if few < n {
			end, than := "-infinity", ">="
			if f.Ascending {
				end, than = "infinity", "<="
			}
			bound = " AND t.exit_time " + than + ` coalesce((
						SELECT few.exit_time
						FROM ` + parts + `
						CROSS JOIN LATERAL (
							SELECT t.exit_time
							FROM trades t
							WHERE ` + where + `
							ORDER BY ` + exitOrder("t", f.Ascending) + `
							LIMIT ?
						) few
						ORDER BY few.exit_time` + direction(f.Ascending) + `
						OFFSET ?
						LIMIT 1
					), '` + end + `')`
			args = slices.Concat(args, partArgs, whereArgs, []any{few, n - 1})
		}
		args = slices.Concat(partArgs, whereArgs, args, []any{n, n, in(db)})
		return db.Raw(`
			SELECT `+columnsOf[entities.Trade](db, "page")+`
			FROM (
				SELECT first.place
				FROM `+parts+`
				CROSS JOIN LATERAL (
					SELECT t.ctid AS place, t.model_id, t.id, t.exit_time
					FROM trades t
					WHERE `+where+bound+`
					ORDER BY `+exitOrder("t", f.Ascending)+`
					LIMIT ?
				) first
				ORDER BY `+tradeOrder("first", f.Ascending)+`
				LIMIT ?
			) keys
			JOIN trades page ON page.competition_id = @competition AND page.ctid = keys.place
			ORDER BY `+tradeOrder("page", f.Ascending), args...).Scan(&trades).Error
	})
	return trades, err
}

// parts are the parts of the trades that are each in order in an index, and of how many
// rows of each a look tells where n of all end: of models and of symbols a fourth or more
// trade at a time. It is n where there is nothing to tell.
func (f TradeFilter) parts(n int) (from string, few int, args []any) {
	from, few = "(SELECT id FROM models WHERE id = ?) m", n
	if f.Model != "" {
		args = append(args, f.Model)
	} else {
		from, few = "models m", few/4+1
	}
	switch {
	case f.Symbol != "" && f.Side == "":
		from += " CROSS JOIN (VALUES ('long'), ('short')) d(side)"
	case f.Symbol == "" && f.Side != "":
		from, few = from+" CROSS JOIN symbols s", few/4+1
	}
	return from, few, args
}

// conditions select the trades of a part.
func (f TradeFilter) conditions() (string, []any) {
	where := []string{"t.competition_id = @competition", "t.model_id = m.id"}
	var args []any
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	switch {
	case f.Symbol != "" && f.Side != "":
		add("t.symbol = ? AND t.side = ?", f.Symbol, f.Side)
	case f.Symbol != "":
		add("t.symbol = ? AND t.side = d.side", f.Symbol)
	case f.Side != "":
		add("t.symbol = s.symbol AND t.side = ?", f.Side)
	}
	if !f.Span.From.IsZero() {
		add("t.exit_time >= ?", f.Span.From)
	}
	if !f.Span.To.IsZero() {
		add("t.exit_time <= ?", f.Span.To)
	}
	if f.After != nil {
		than := "<"
		if f.Ascending {
			than = ">"
		}
		add(`(t.exit_time, t.id COLLATE "C", t.model_id COLLATE "C") `+than+` (?, ?, ?)`, f.After.ExitTime, f.After.ID, f.After.ModelID)
	}
	return strings.Join(where, " AND "), args
}

// tradeOrder is the order of exits of all models, of the trades that an alias names.
func tradeOrder(alias string, ascending bool) string {
	return exitOrder(alias, ascending) + ", " + alias + `.model_id COLLATE "C"` + direction(ascending)
}

// exitOrder is tradeOrder within a model.
func exitOrder(alias string, ascending bool) string {
	return alias + ".exit_time" + direction(ascending) + ", " + alias + `.id COLLATE "C"` + direction(ascending)
}

func direction(ascending bool) string {
	if ascending {
		return " ASC"
	}
	return " DESC"
}
