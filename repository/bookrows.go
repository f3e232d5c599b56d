package repository

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// bookOfFills reads what fills change.
func bookOfFills(db *gorm.DB, fills []Fill) (*book, error) {
	b, r := newBook(), queries{db: db}
	keys, taken := b.askFills(&r, fills)
	if err := r.run(); err != nil {
		return nil, err
	}
	if err := taken(db); err != nil {
		return nil, err
	}
	return b, b.readFills(db, keys, fills)
}

// askFills asks for the positions that fills name, as ask does, and returns their keys.
func (b *book) askFills(r *queries, fills []Fill) (keys []positionKey, taken func(*gorm.DB) error) {
	var symbols []string
	for i := range fills {
		if fills[i].Remaining != RemainingElsewhere {
			keys = append(keys, positionKey{fills[i].Trade.ModelID, fills[i].PositionID})
			symbols = append(symbols, fills[i].Trade.Symbol)
		}
	}
	return keys, b.ask(r, keys, symbols...)
}

// readFills reads what else fills change, once the positions of keys, which they name,
// have been read. Again are stored facts of fills that come again, or nil.
func (b *book) readFills(db *gorm.DB, keys []positionKey, fills []Fill, again ...*entities.PositionFact) error {
	for _, fact := range again {
		if fact != nil {
			keys = append(keys, positionKey{fact.ModelID, fact.PositionID})
		}
	}
	var probes []span
	for i := range fills {
		f := &fills[i]
		if f.Unnamed && f.Remaining != RemainingElsewhere && b.positions[positionKey{f.Trade.ModelID, f.PositionID}] == nil {
			probes = append(probes, span{
				slot{f.Trade.ModelID, f.Trade.Provider, f.Trade.Symbol},
				f.entered().Add(-f.Window), f.entered().Add(f.Window),
			})
		}
	}
	candidates, err := within[entities.Position](db, probes)
	if err != nil {
		return err
	}
	for i := range candidates {
		keys = append(keys, keyOf(&candidates[i]))
	}
	if err := b.read(db, keys); err != nil {
		return err
	}
	return b.readSuccessors(db, keys)
}

// bookOfOpenings reads what openings change.
func bookOfOpenings(db *gorm.DB, openings []Opening) (*book, error) {
	b := newBook()
	keys, symbols := placesOf(openings)
	if err := b.read(db, keys, symbols...); err != nil {
		return nil, err
	}
	var probes []span
	for i := range openings {
		p := &openings[i].Position
		if p.EntryTime != nil && b.fact(keyOf(p), entities.FactOpening, p.ID) == nil {
			probes = append(probes, span{slotOf(p), p.EntryTime.Add(-openings[i].Window), p.EntryTime.Add(openings[i].Window)})
			b.wanted = append(b.wanted, *p)
		}
	}
	unnamed, err := within[entities.PositionFact](db, probes)
	if err != nil {
		return nil, err
	}
	for i := range unnamed {
		keys = append(keys, positionKey{unnamed[i].ModelID, unnamed[i].PositionID})
	}
	if err := b.read(db, keys); err != nil {
		return nil, err
	}
	return b, b.readSuccessors(db, keys)
}

// placesOf are the keys of openings and their symbols.
func placesOf(openings []Opening) (keys []positionKey, symbols []string) {
	for i := range openings {
		keys, symbols = append(keys, keyOf(&openings[i].Position)), append(symbols, openings[i].Position.Symbol)
	}
	return keys, symbols
}

// read reads the positions of keys, the open ones of their models and the
// symbols, and the facts of all of them, so far as they have not been read.
func (b *book) read(db *gorm.DB, keys []positionKey, symbols ...string) error {
	r := queries{db: db}
	taken := b.ask(&r, keys, symbols...)
	if err := r.run(); err != nil {
		return err
	}
	return taken(db)
}

// ask asks for what read reads, which the function then takes in.
func (b *book) ask(r *queries, keys []positionKey, symbols ...string) (taken func(db *gorm.DB) error) {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k positionKey) bool { return b.asked[k] })
	if len(keys) == 0 {
		return func(*gorm.DB) error { return nil }
	}
	models := make(map[string]bool)
	for _, key := range keys {
		b.asked[key], models[key.model] = true, true
	}
	if len(symbols) == 0 {
		return b.askRows(r, slices.Sorted(maps.Keys(models)), keys, "FALSE", nil)
	}
	slices.Sort(symbols)
	return b.askRows(r, slices.Sorted(maps.Keys(models)), keys, "p.symbol = ANY (@symbols)", slices.Compact(symbols))
}

// readModel reads the positions of keys of a model, every open one, and the
// facts of all of them.
func (b *book) readModel(db *gorm.DB, model string, keys []positionKey) error {
	r := queries{db: db}
	taken := b.askRows(&r, []string{model}, keys, "TRUE", nil)
	if err := r.run(); err != nil {
		return err
	}
	if err := taken(db); err != nil {
		return err
	}
	return b.readSuccessors(db, keys)
}

// given are the positions of keys in a query, a row each.
const given = "unnest(CAST(@owners AS text[]), CAST(@ids AS text[])) AS given (model_id, id)"

// givenKeys are the parameters of given, and others.
func givenKeys(keys []positionKey, others map[string]any) map[string]any {
	owners, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		owners[i], ids[i] = key.model, key.id
	}
	// GORM would spread slices, but not what points to one.
	others["owners"], others["ids"] = &owners, &ids
	return others
}

// askRows asks for the positions of keys and the open ones that a condition selects, of
// models, and for what askFacts asks of them.
func (b *book) askRows(r *queries, models []string, keys []positionKey, which string, symbols []string) (taken func(db *gorm.DB) error) {
	open := ` FROM positions p WHERE p.competition_id = @competition AND p.model_id = ANY (@models) AND p.status = 'open' AND ` + which
	args := []any{in(r.db), givenKeys(keys, map[string]any{"models": &models, "symbols": &symbols})}
	var rows []entities.Position
	r.find(&rows, `
		SELECT `+columnsOf[entities.Position](r.db, "p")+open+`
		UNION ALL
		SELECT `+columnsOf[entities.Position](r.db, "found")+`
		FROM `+given+foundByKey("positions", "", "model_id", "id"), args...)
	known := b.askFacts(r, "SELECT p.model_id, p.id"+open+" UNION SELECT * FROM "+given, args...)
	return func(db *gorm.DB) error { return b.takeIn(db, rows, known) }
}

// knownFacts are facts of positions, and the accounts of models.
type knownFacts struct {
	accounts []entities.Account // with the newest statement
	facts    []entities.PositionFact
}

// askFacts asks for the facts of the positions whose keys a query selects, and the newest
// statements of models. No other index has the order of the positions.
func (b *book) askFacts(r *queries, keys string, args ...any) *knownFacts {
	known := new(knownFacts)
	r.find(&known.accounts, `
		SELECT a.model_id, a.provider, a.statement_at
		FROM accounts a
		WHERE a.competition_id = @competition AND a.model_id = ANY (@models)`, args...)
	r.find(&known.facts, `
		SELECT `+columnsOf[entities.PositionFact](r.db, "f")+`
		FROM (`+keys+`) AS given (model_id, position_id)
		CROSS JOIN LATERAL (
			SELECT *
			FROM position_facts f
			WHERE f.competition_id = @competition AND f.model_id = given.model_id AND f.position_id BETWEEN given.position_id AND given.position_id
			ORDER BY f.position_id
			OFFSET 0
		) f`, args...)
	return known
}

// takeRows is takeIn of rows of models, of which no fact has been read.
func (b *book) takeRows(db *gorm.DB, models []string, rows []entities.Position) error {
	keys := make([]positionKey, len(rows))
	for i := range rows {
		keys[i] = keyOf(&rows[i])
	}
	r := queries{db: db}
	known := b.askFacts(&r, "SELECT * FROM "+given, in(db), givenKeys(keys, map[string]any{"models": &models}))
	if err := r.run(); err != nil {
		return err
	}
	return b.takeIn(db, rows, known)
}

// takeIn adds rows that were read, with the facts of them and of others, and the
// newest statements of their models.
func (b *book) takeIn(db *gorm.DB, rows []entities.Position, known *knownFacts) error {
	var fresh []*entities.Position
	seen := make(map[positionKey]bool, len(rows)) // the open ones twice, where they are asked for by id too
	for i := range rows {
		if key := keyOf(&rows[i]); b.positions[key] == nil && !seen[key] {
			fresh, seen[key] = append(fresh, &rows[i]), true
		}
	}
	for i := range known.accounts {
		b.statements[known.accounts[i].ModelID] = &known.accounts[i]
	}
	for i := range known.facts {
		fact := &known.facts[i]
		if b.fact(positionKey{fact.ModelID, fact.PositionID}, fact.Kind, fact.Ref) != nil {
			continue
		}
		if fact.State != nil {
			if _, err := readState(fact); err != nil {
				return err
			}
		}
		b.add(fact)
		delete(b.fresh, factKeyOf(fact))
	}
	for _, p := range fresh {
		b.load(p)
	}
	fills, err := b.unkeptFills(db, fresh)
	if err != nil {
		return err
	}
	b.adopt(fresh, fills)
	return nil
}

// unkeptFills reads the trades that may have made positions what they are, and of
// which no fact is kept, as facts. They were stored by a version that kept none.
// Imported trades of a position that an import stated are not among them.
func (b *book) unkeptFills(db *gorm.DB, positions []*entities.Position) (map[positionKey][]*entities.PositionFact, error) {
	var values []string
	var args []any
	at, fills := make(map[string]positionKey), make(map[positionKey][]*entities.PositionFact)
	for _, p := range positions {
		if p.OpenedQuantity == nil || b.isExplained(p, b.fold(keyOf(p)).row) {
			continue
		}
		var oid *int64
		if p.EntryOid != nil && *p.EntryOid > 0 {
			oid = p.EntryOid
		}
		nth := strconv.Itoa(len(values))
		at[nth] = keyOf(p)
		values = append(values, "(?::text, ?::text, ?::text, ?::text, ?::bigint, ?::timestamptz, ?::boolean)")
		args = append(args, nth, p.ModelID, p.Provider, p.Symbol, oid, p.EntryTime, math.Signbit(p.Quantity))
	}
	if len(values) == 0 {
		return fills, nil
	}
	var rows []struct {
		Nth string
		entities.PositionFact
	}
	err := db.Raw(`
		SELECT given.nth, t.model_id, t.id AS ref, t.provider, t.symbol, t.exit_time AS observed_at, t.exit_time AS seen_at, t.quantity
		FROM (VALUES `+strings.Join(values, ", ")+`) AS given (nth, model_id, provider, symbol, oid, entered, short)
		JOIN trades t ON t.competition_id = @competition AND t.model_id = given.model_id AND t.exit_time >= coalesce(given.entered, '-infinity')
			AND t.provider = given.provider AND t.symbol = given.symbol AND (t.quantity < 0) = given.short
			AND CASE WHEN given.oid IS NULL THEN t.entry_time = given.entered AND coalesce(t.entry_oid, 0) <= 0 ELSE t.entry_oid = given.oid END
		WHERE NOT EXISTS (SELECT FROM position_facts f WHERE f.competition_id = t.competition_id AND f.model_id = t.model_id AND f.kind = 'fill' AND f.ref = t.id)`, append(args, in(db))...).Scan(&rows).Error
	for i := range rows {
		fact, key := &rows[i].PositionFact, at[rows[i].Nth]
		fact.PositionID, fact.Kind = key.id, entities.FactFill
		fills[key] = append(fills[key], fact)
	}
	return fills, err
}

// readSuccessors reads, for positions that are not open, the newest one that
// was opened in the place of each. It asks as foundByKey does.
func (b *book) readSuccessors(db *gorm.DB, keys []positionKey) error {
	places := make(map[slot]bool)
	for _, key := range keys {
		if p := b.positions[key]; p != nil && p.Status != entities.PositionOpen {
			places[slotOf(p)] = true
		}
	}
	for _, p := range b.wanted {
		places[slotOf(&p)] = true
	}
	b.wanted = nil
	if len(places) == 0 {
		return nil
	}
	var values []string
	var args []any
	models := make(map[string]bool)
	for s := range places {
		values = append(values, "(?::text, ?::text, ?::text)")
		args = append(args, s.model, s.provider, s.symbol)
		models[s.model] = true
	}
	var rows []entities.Position
	err := db.Raw(`
		SELECT `+columnsOf[entities.Position](db, "newest")+`
		FROM (VALUES `+strings.Join(values, ", ")+`) AS given (model_id, provider, symbol)
		CROSS JOIN LATERAL (
			SELECT *
			FROM positions
			WHERE (competition_id, model_id, provider, symbol, entry_time) <= (@competition, given.model_id, given.provider, given.symbol, 'infinity')
			ORDER BY competition_id DESC, model_id DESC, provider DESC, symbol DESC, entry_time DESC
			LIMIT 1
		) newest
		WHERE newest.competition_id = @competition AND (newest.model_id, newest.provider, newest.symbol) = (given.model_id, given.provider, given.symbol)`, append(args, in(db))...).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return err
	}
	return b.takeRows(db, slices.Sorted(maps.Keys(models)), rows)
}

// readBeside reads what may be open in the place of a position that is gone: the one
// that was entered last, and those of which nobody knows when.
func (b *book) readBeside(db *gorm.DB, gone *entities.Position) error {
	var rows []entities.Position
	err := db.Raw(`
		SELECT `+columnsOf[entities.Position](db, "p")+`
		FROM positions p
		WHERE p.competition_id = @competition AND p.model_id = @model AND p.provider = @provider AND p.symbol = @symbol AND p.closed_at IS NULL AND (p.entry_time IS NULL
			OR p.entry_time = (
				SELECT max(entry_time) FROM positions
				WHERE competition_id = @competition AND model_id = @model AND provider = @provider AND symbol = @symbol))`,
		in(db), map[string]any{"model": gone.ModelID, "provider": gone.Provider, "symbol": gone.Symbol}).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return err
	}
	return b.takeRows(db, []string{gone.ModelID}, rows)
}

// span is a place and a range of entry times.
type span struct {
	slot
	from, to time.Time
}

// within reads the rows whose entry times lie in spans. The primary key has not their order.
func within[T entities.Position | entities.PositionFact](db *gorm.DB, spans []span) (rows []T, err error) {
	if len(spans) == 0 {
		return nil, nil
	}
	table, err := tableOf[T](db)
	if err != nil {
		return nil, err
	}
	var values []string
	var args []any
	for _, s := range spans {
		values = append(values, "(?::text, ?::text, ?::text, ?::timestamptz, ?::timestamptz)")
		args = append(args, s.model, s.provider, s.symbol, s.from, s.to)
	}
	err = db.Raw(`
		SELECT DISTINCT `+columnsOf[T](db, "r")+`
		FROM (VALUES `+strings.Join(values, ", ")+`) AS given (model_id, provider, symbol, since, until)
		CROSS JOIN LATERAL (
			SELECT *
			FROM `+table.name+` r
			WHERE r.competition_id = @competition AND r.model_id = given.model_id AND r.provider = given.provider AND r.symbol = given.symbol
				AND r.entry_time BETWEEN given.since AND given.until
			ORDER BY r.entry_time
			OFFSET 0
		) r`, append(args, in(db))...).Find(&rows).Error
	return rows, err
}

// write stores what has changed: facts, then positions, the closed ones first,
// since they make room for those that open.
func (b *book) write(db *gorm.DB) error {
	if len(b.fresh) > 0 {
		conflict, err := replaceAll[entities.PositionFact](db)
		if err != nil {
			return err
		}
		facts := make([]entities.PositionFact, 0, len(b.fresh))
		for _, f := range b.fresh {
			facts = append(facts, *f)
		}
		if err := upsert(db, conflict, facts); err != nil {
			return err
		}
	}
	if len(b.order) == 0 {
		return nil
	}
	conflict, err := replaceAll[entities.Position](db)
	if err != nil {
		return err
	}
	for _, status := range []string{entities.PositionClosed, entities.PositionOpen} {
		var rows []entities.Position
		for _, key := range b.order {
			if p := b.positions[key]; p.Status == status {
				rows = append(rows, *p)
			}
		}
		if err := upsert(db, conflict, rows); err != nil {
			return err
		}
	}
	return b.raiseAsOf(db)
}

// raiseAsOf lets accounts say how new their positions are.
func (b *book) raiseAsOf(db *gorm.DB) error {
	newest := make(map[string]time.Time)
	for _, key := range b.order {
		newest[key.model] = newerOf(newest[key.model], b.positions[key].StatedAt)
	}
	for model, at := range newest {
		err := later(db).Model(&entities.Account{}).
			Where("model_id = ? AND (positions_as_of IS NULL OR positions_as_of < ?)", model, at).
			Update("positions_as_of", at).Error
		if err != nil {
			return err
		}
	}
	return nil
}
