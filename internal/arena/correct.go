package arena

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// longestReason is the most runes of the reason of a correction.
const longestReason = 500

// Correct implements Corrector.
func (g *Intake) Correct(ctx context.Context, r CorrectionRequest) (*CorrectionReply, error) {
	c := &correcting{request: r, write: &write{intake: g}, asked: request{batch: Batch{Key: r.Key}}}
	if err := c.check(); err != nil {
		return nil, err
	}
	leave, err := g.enter(ctx, []string{r.Model}, g.o.WriterWait)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := g.o.Store.InTxRetrying(ctx, c.run); err != nil {
		return nil, intakeError(err)
	}
	if emitted := slices.Concat(c.events, c.metrics); len(emitted) > 0 && g.o.AfterCommit != nil {
		g.o.AfterCommit(ctx, emitted)
	}
	answer := &CorrectionReply{CorrectionResult: c.result}
	if c.asked.reply != nil {
		answer.Response = c.asked.reply.Response
	}
	return answer, nil
}

// correcting is one correction on its way through a transaction, which may run
// several times.
type correcting struct {
	*write

	request CorrectionRequest
	asked   request
	at      time.Time // of an equity row
	of      *entities.Competition
	metrics []entities.OutboxEvent
	result  CorrectionResult
}

// correctionEvent is the payload of EventCorrection: what everybody may know.
type correctionEvent struct {
	Kind   string         `json:"kind"`
	Model  string         `json:"model_id"`
	FactID string         `json:"fact_id"`
	Action string         `json:"action"`
	Fact   jsontext.Value `json:"fact"` // as it now is, null where it is void
}

// correctedFact is a fact of one kind on its way through a correction: what is
// stored, and what takes its place.
type correctedFact interface {
	// domains are those that have to be written to Postgres.
	domains() []Domain
	// load reads what is stored, and reports whether there is anything. Last is
	// the newest correction, nil without one.
	load(ctx context.Context, c *correcting, last *entities.Correction) (stored bool, err error)
	// take reads what takes its place, as ingest would.
	take(ctx context.Context, c *correcting, raw jsontext.Value) error
	// same reports whether both are there and say the same, or neither is.
	same() bool
	// payloads are both as they are served, nil for none.
	payloads() (before, after any, err error)
	// put stores it, or voids what is stored where nothing was taken.
	put(ctx context.Context, c *correcting) (detail string, err error)
}

// check refuses what can be seen to be wrong without the database.
func (c *correcting) check() error {
	r := &c.request
	var faults wire.Faults
	fault := func(path, format string, args ...any) {
		faults = append(faults, wire.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(CorrectionKinds(), r.Kind) {
		fault("/kind", "is none of %s", strings.Join(CorrectionKinds(), ", "))
	}
	for path, id := range map[string]string{"/model_id": r.Model, "/fact_id": r.ID} {
		if err := wire.CheckID(id); err != nil {
			fault(path, "%v", err)
		}
	}
	if seconds, err := strconv.ParseFloat(r.ID, 64); r.Kind == entities.CorrectEquity {
		if err != nil || !(seconds >= 0 && seconds < wire.MaxSeconds) || strings.ContainsAny(r.ID, "xXpP_") {
			fault("/fact_id", "is no time in unix seconds, by which an equity row is known")
		} else {
			c.at = wire.Time(seconds)
			r.ID = repository.EquityFactID(c.at)
		}
	}
	switch {
	case r.Action != entities.CorrectionVoid && r.Action != entities.CorrectionReplace:
		fault("/action", "is neither %s nor %s", entities.CorrectionVoid, entities.CorrectionReplace)
	case (r.Action == entities.CorrectionReplace) != (r.Fact != nil):
		fault("/fact", "is what takes the place of a fact: it goes with %s, and with nothing else", entities.CorrectionReplace)
	}
	r.Reason = strings.TrimSpace(r.Reason)
	if n := utf8.RuneCountInString(r.Reason); n == 0 || n > longestReason || strings.ContainsRune(r.Reason, 0) || !utf8.ValidString(r.Reason) {
		fault("/reason", "is not a text of 1 to %d characters; it is kept and shown", longestReason)
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b wire.Fault) int { return strings.Compare(a.Path, b.Path) })
		return faults
	}
	return nil
}

func (c *correcting) fact() correctedFact {
	switch c.request.Kind {
	case entities.CorrectTrade:
		c.batch.Kind = IngestTrades
		return new(tradeFact)
	case entities.CorrectEquity:
		c.batch.Kind = IngestEquity
		return new(equityFact)
	default:
		c.batch.Kind = IngestDecisions
		return new(decisionFact)
	}
}

func (c *correcting) run(ctx context.Context, tx repository.Repositories) error {
	r := &c.request
	c.all, c.events, c.metrics, c.asked.reply = tx, nil, nil, nil
	c.bind("")
	c.now = c.intake.o.Now().UTC().Truncate(time.Microsecond)
	fact := c.fact()
	locks := []repository.Lock{repository.LockRollout, repository.LockRecompute, repository.LockModel(r.Model)}
	if err := tx.Locks.Hold(ctx, locks); err != nil {
		return err
	}
	if answered, err := c.asked.begin(ctx, tx); answered || err != nil {
		return err
	}
	if err := c.compete(ctx); err != nil {
		return err
	}
	ref := repository.FactRef{Kind: r.Kind, Model: r.Model, ID: r.ID}
	newest, err := c.tx.Corrections.Of(ctx, []repository.FactRef{ref})
	if err != nil {
		return err
	}
	last := newest[ref]
	if err := c.refuseJSON(ctx, fact.domains()); err != nil {
		return err
	}
	stored, err := fact.load(ctx, c, last)
	if err != nil {
		return err
	}
	if !stored && last == nil {
		return fmt.Errorf("%w: %s %q of model %q", ErrUnknownFact, r.Kind, r.ID, r.Model)
	}
	if r.Action == entities.CorrectionReplace {
		if err := fact.take(ctx, c, r.Fact); err != nil {
			return err
		}
	}
	row := &entities.Correction{
		Kind: r.Kind, ModelID: r.Model, FactID: r.ID, Action: r.Action, Reason: r.Reason, Actor: r.By,
		Timestamps: entities.Timestamps{CreatedAt: c.now, UpdatedAt: c.now},
	}
	if fact.same() {
		return c.answerWith(ctx, CorrectionResult{Outcome: NotReplaced}, last)
	}
	if row.Before, row.After, err = documents(fact); err != nil {
		return err
	}
	result := CorrectionResult{Outcome: Replaced}
	if r.Action == entities.CorrectionVoid {
		result.Outcome = Voided
	}
	if result.Detail, err = fact.put(ctx, c); err != nil {
		return err
	}
	if err := c.tx.Corrections.Record(ctx, row); err != nil {
		return err
	}
	public := correctionEvent{Kind: r.Kind, Model: r.Model, FactID: r.ID, Action: r.Action, Fact: correctionOf(row).After}
	if err := c.emit(EventCorrection, r.Model, public); err != nil {
		return err
	}
	if err := c.tx.Outbox.Append(ctx, c.events); err != nil {
		return err
	}
	if compute := c.intake.o.Recompute; compute != nil && r.Kind != entities.CorrectEquity {
		if c.metrics, err = compute(ctx, c.tx, r.Model, c.now); err != nil {
			return err
		}
	}
	return c.answerWith(ctx, result, row)
}

func (c *correcting) answerWith(ctx context.Context, result CorrectionResult, newest *entities.Correction) error {
	if newest != nil {
		result.Correction = correctionOf(newest)
	}
	result.Competition = c.competition
	c.result = result
	if c.request.Key == nil {
		return nil
	}
	response, err := c.request.Respond(&result)
	if err != nil {
		return err
	}
	c.asked.reply = &Reply{Response: &response}
	return c.asked.finish(ctx, c.tx)
}

// compete finds the competition of the fact.
func (c *correcting) compete(ctx context.Context) error {
	standard, err := c.tx.Competitions.Default(ctx, c.intake.o.Competition)
	if err != nil && (c.request.Competition == "" || !errors.Is(err, repository.ErrUnknownCompetition)) {
		return err
	}
	if standard != nil {
		c.standard = standard.ID
	}
	if c.of = standard; c.request.Competition != "" {
		if c.of, err = c.tx.Competitions.Get(ctx, c.request.Competition); err != nil {
			return err
		}
	}
	if c.of == nil {
		return wire.Faults{{Path: "/competition_id", Reason: fmt.Sprintf("%v %q", repository.ErrUnknownCompetition, c.request.Competition)}}
	}
	c.bind(c.of.ID)
	return nil
}

// documents are what a correction keeps of a fact.
func documents(fact correctedFact) (before, after entities.JSON, err error) {
	was, is, err := fact.payloads()
	if err != nil {
		return nil, nil, err
	}
	if before, err = document(was); err == nil {
		after, err = document(is)
	}
	return before, after, err
}

func document(payload any) (entities.JSON, error) {
	if payload == nil {
		return nil, nil
	}
	raw, err := wire.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("error rendering a fact: %w", err)
	}
	return entities.JSON(raw), nil
}

// sameRows reports whether two rows say the same, as ingest compares a repeated fact.
func sameRows[R any](old, next *R) bool {
	if old == nil || next == nil {
		return old == nil && next == nil
	}
	return repository.SameRow(old, next)
}

// sameDocuments reports whether two documents say the same.
func sameDocuments(a, b jsontext.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var x, y any
	return wire.Unmarshal(a, &x) == nil && wire.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// decoded reads an item as ingest does: its form, bounds, identity, and what it
// refers to.
func decoded[T any](ctx context.Context, c *correcting, read reader[T], raw jsontext.Value) (v T, err error) {
	v, e := read(raw)
	e.name(raw, c.competition)
	if e.accepted() && e.named != c.competition {
		e.invalid(wire.Faults{{Path: "/competition_id", Reason: fmt.Sprintf("is not %q: a replacement is of the same fact", c.competition)}})
	}
	if e.competition = c.competition; e.accepted() {
		if reason := PastEnd(c.of, e.times); reason != "" {
			return v, &RefusedError{Reason: reason}
		}
		c.entries = []entry{e}
		if err := c.resolve(ctx); err != nil {
			return v, err
		}
		e = c.entries[0]
	}
	if e.accepted() {
		return v, nil
	}
	faults := slices.Clone(e.rejected.Faults)
	if len(faults) == 0 {
		faults = wire.Faults{{Reason: e.rejected.Detail}}
	}
	for i := range faults {
		faults[i].Path = "/fact" + faults[i].Path
	}
	return v, faults
}

// identical refuses a replacement of another fact.
func (c *correcting) identical(path, model, id string) error {
	for _, member := range []struct{ path, is, want string }{{"/model_id", model, c.request.Model}, {"/id", id, c.request.ID}} {
		if member.is != member.want {
			return wire.Faults{{Path: "/fact" + path + member.path, Reason: fmt.Sprintf(
				"is not %q: a replacement is of the same fact; void this one, and send the other as a new one", member.want)}}
		}
	}
	return nil
}

// tradeFact is a trade with what its fill said of the position.
type tradeFact struct {
	old, next *entities.Trade
	moves     bool           // it moves a position
	said      jsontext.Value // remaining; nil where the fill said nothing of it
	says      jsontext.Value
	fill      repository.Fill
}

// tradeDocument is a trade that moved a position, as an item of ingest.
type tradeDocument struct {
	Trade     any            `json:"trade"`
	Remaining jsontext.Value `json:"remaining,omitzero"`
}

func (*tradeFact) domains() []Domain { return []Domain{DomainTrades, DomainPositions} }

func (t *tradeFact) load(ctx context.Context, c *correcting, last *entities.Correction) (bool, error) {
	found, err := c.tx.Trades.Find(ctx, []entities.Trade{{ModelID: c.request.Model, ID: c.request.ID}})
	if err != nil {
		return false, err
	}
	if t.old = found[0]; t.old == nil {
		// What was voided is brought back in the same way.
		t.moves = true
		if last != nil {
			var was map[string]jsontext.Value
			if err := wire.Unmarshal([]byte(last.Before), &was); err != nil {
				return false, fmt.Errorf("error reading correction %d: %w", last.ID, err)
			}
			_, t.moves = was["trade"]
			t.said = was["remaining"]
		}
		return false, nil
	}
	payload, err := mapping.TradePayload(*t.old)
	if err != nil {
		return false, err
	}
	if err := c.tx.Trading.Adopt(ctx, []repository.Fill{c.fill(wire.TradeItem{Trade: payload})}); err != nil {
		return false, err
	}
	remaining, left, err := c.tx.Trading.FillOf(ctx, *t.old)
	if err != nil {
		return false, err
	}
	switch t.moves = remaining != repository.RemainingElsewhere; remaining {
	case repository.RemainingNone:
		t.said = jsontext.Value("null")
	case repository.RemainingLeft:
		payload, err := mapping.PositionPayload(*left)
		if err != nil {
			return false, err
		}
		if t.said, err = wire.Marshal(payload); err != nil {
			return false, fmt.Errorf("error rendering what remained: %w", err)
		}
	}
	return true, nil
}

func (t *tradeFact) take(ctx context.Context, c *correcting, raw jsontext.Value) error {
	var members map[string]jsontext.Value
	isBare := wire.Unmarshal(raw, &members) != nil || members["trade"] == nil
	path := "/trade"
	switch {
	case isBare:
		path = ""
	case !t.moves:
		return wire.Faults{{Path: "/fact/trade", Reason: "this trade moves no position, as imported ones do not: send its row alone"}}
	case members["equity"] != nil:
		return wire.Faults{{Path: "/fact/equity", Reason: "is a fact of its own: correct equity"}}
	}
	item, err := decoded(ctx, c, c.intake.trades(), raw)
	if err != nil {
		return err
	}
	if isBare && t.said != nil {
		// What the fill said of the position goes on to hold, if it fits.
		whole, err := wire.Marshal(map[string]jsontext.Value{"trade": raw, "remaining": t.said})
		if err != nil {
			return fmt.Errorf("error rendering a trade: %w", err)
		}
		if item, err = decoded(ctx, c, c.intake.trades(), whole); err != nil {
			return errors.Join(wire.Faults{{Path: "/fact", Reason: "what the fill said to remain no longer fits: send {trade, remaining}"}}, err)
		}
	}
	if err := c.identical(path, item.Trade.ModelID, item.Trade.ID); err != nil {
		return err
	}
	t.fill = c.fill(item)
	t.next = &t.fill.Trade
	switch {
	case item.Closed:
		t.says = jsontext.Value("null")
	case item.Remaining != nil:
		payload, err := mapping.PositionPayload(*t.fill.Left)
		if err != nil {
			return err
		}
		if t.says, err = wire.Marshal(payload); err != nil {
			return fmt.Errorf("error rendering what remains: %w", err)
		}
	}
	return nil
}

func (t *tradeFact) same() bool {
	return sameRows(t.old, t.next) && (!t.moves || t.next == nil || sameDocuments(t.said, t.says))
}

func (t *tradeFact) payloads() (before, after any, err error) {
	before, after, err = payloadsOf(t.old, t.next, mapping.TradePayload)
	if t.moves && before != nil {
		before = tradeDocument{before, t.said}
	}
	if t.moves && after != nil {
		after = tradeDocument{after, t.says}
	}
	return before, after, err
}

func (t *tradeFact) put(ctx context.Context, c *correcting) (detail string, err error) {
	moved := make(map[string]*entities.Position)
	note := func(positions []*entities.Position) {
		for _, p := range positions {
			moved[p.ID] = p
		}
	}
	if t.moves && t.old != nil {
		changed, err := c.tx.Trading.Unfill(ctx, []entities.Trade{*t.old})
		if err != nil {
			return "", err
		}
		note(changed)
	}
	if err := c.tx.Trades.Replace(ctx, t.old, t.next); err != nil {
		return "", err
	}
	if t.moves && t.next != nil {
		applied, err := c.tx.Trading.Refill(ctx, []repository.Fill{t.fill})
		if err != nil {
			return "", err
		}
		if applied[0].Outcome == repository.Conflict {
			return "", &RefusedError{Reason: applied[0].Reason}
		}
		note(applied[0].Positions)
		detail = applied[0].Detail
	}
	ids := slices.Sorted(maps.Keys(moved))
	positions := make([]*entities.Position, len(ids))
	for i, id := range ids {
		positions[i] = moved[id]
	}
	return detail, c.emitPositions(positions)
}

// equityFact is an equity row.
type equityFact struct {
	old, next *entities.AccountEquitySnapshot
}

func (*equityFact) domains() []Domain { return []Domain{DomainAccounts} }

func (f *equityFact) load(ctx context.Context, c *correcting, _ *entities.Correction) (bool, error) {
	found, err := c.tx.Equity.Find(ctx, []entities.AccountEquitySnapshot{{ModelID: c.request.Model, ObservedAt: c.at}})
	if err != nil {
		return false, err
	}
	f.old = found[0]
	return f.old != nil, nil
}

func (f *equityFact) take(ctx context.Context, c *correcting, raw jsontext.Value) error {
	item, err := decoded(ctx, c, c.intake.equity(), raw)
	if err != nil {
		return err
	}
	row := mapping.Equity(item)
	if id := repository.EquityFactID(row.ObservedAt); id != c.request.ID {
		return wire.Faults{{Path: "/fact/timestamp", Reason: fmt.Sprintf(
			"is not %s: a replacement is of the same fact; void this one, and send the other as a new one", c.request.ID)}}
	}
	f.next = &row
	return c.identical("", row.ModelID, c.request.ID)
}

func (f *equityFact) same() bool { return sameRows(f.old, f.next) }

func (f *equityFact) payloads() (before, after any, err error) {
	return payloadsOf(f.old, f.next, mapping.EquityPayload)
}

func (f *equityFact) put(ctx context.Context, c *correcting) (string, error) {
	return "", c.tx.Equity.Replace(ctx, f.old, f.next)
}

// decisionFact is a decision, with the messages that it left.
type decisionFact struct{ old, next *entities.DecisionCycle }

func (*decisionFact) domains() []Domain { return []Domain{DomainConversations} }

func (f *decisionFact) load(ctx context.Context, c *correcting, _ *entities.Correction) (bool, error) {
	found, err := c.tx.Decisions.Find(ctx, []entities.DecisionCycle{{ModelID: c.request.Model, ID: c.request.ID}})
	if err != nil {
		return false, err
	}
	f.old = found[0]
	return f.old != nil, nil
}

func (f *decisionFact) take(ctx context.Context, c *correcting, raw jsontext.Value) error {
	item, err := decoded(ctx, c, c.intake.decisions(), raw)
	if err != nil {
		return err
	}
	row := mapping.Decision(item)
	f.next = &row
	return c.identical("", row.ModelID, row.ID)
}

func (f *decisionFact) same() bool { return sameRows(f.old, f.next) }

func (f *decisionFact) payloads() (before, after any, err error) {
	return payloadsOf(f.old, f.next, mapping.DecisionPayload)
}

func (f *decisionFact) put(ctx context.Context, c *correcting) (string, error) {
	if err := c.tx.Decisions.Replace(ctx, f.old, f.next); err != nil {
		return "", err
	}
	if f.old != nil {
		if err := f.takeOut(ctx, c); err != nil {
			return "", err
		}
	}
	if f.next == nil {
		return "", nil
	}
	conversation, messages := mapping.DecisionMessages(*f.next)
	_, err := c.tx.Conversations.Append(ctx, conversation, messages)
	return "", err
}

// takeOut takes the messages of the stored decision out of the conversation, but for
// what another one of the same moment said as well.
func (f *decisionFact) takeOut(ctx context.Context, c *correcting) error {
	conversation, _ := mapping.DecisionMessages(*f.old)
	gone, err := c.tx.Conversations.TakeOut(ctx, conversation, f.old)
	if err != nil {
		return err
	}
	others, err := c.tx.Decisions.At(ctx, c.request.Model, f.old.ExecutedAt)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.ID == f.old.ID {
			continue
		}
		var kept []entities.ConversationMessage
		_, said := mapping.DecisionMessages(other)
		for _, m := range gone {
			if i := slices.IndexFunc(said, func(o entities.ConversationMessage) bool {
				return o.Role == m.Role && (o.Content == m.Content || sameDocuments(jsontext.Value(o.Content), jsontext.Value(m.Content)))
			}); i >= 0 {
				m.Metadata = said[i].Metadata
				kept = append(kept, m)
			}
		}
		if _, err := c.tx.Conversations.Append(ctx, conversation, kept); err != nil {
			return err
		}
	}
	return nil
}

// payloadsOf are the payloads of two rows, either of which may be nil.
func payloadsOf[R, P any](old, next *R, payload func(R) (P, error)) (before, after any, err error) {
	if old != nil {
		if before, err = payload(*old); err != nil {
			return nil, nil, err
		}
	}
	if next != nil {
		after, err = payload(*next)
	}
	return before, after, err
}
