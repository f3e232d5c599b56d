package arena

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"nof0/entities"
	"nof0/internal/analytics"
	"nof0/internal/mapping"
	"nof0/internal/wire"
	"nof0/repository"
)

// ErrUnknownDecision says that a known model has no decision of an id.
var ErrUnknownDecision = errors.New("unknown decision")

// maxAudited is how many trades or positions an audit lists of each kind.
const maxAudited = 1000

// decision returns a decision of a model, and the places of those beside it.
func (s *Store) decision(ctx context.Context, model, id string) (of *entities.DecisionCycle, before, after *repository.Place, err error) {
	known, err := s.repos.Models.Exists(ctx, model)
	if err == nil && !known {
		err = fmt.Errorf("no model %q: %w", model, ErrUnknownModel)
	}
	if err != nil {
		return nil, nil, nil, Unavailable(err)
	}
	of, err = s.repos.Decisions.Of(ctx, model, id)
	if err == nil && of == nil {
		err = fmt.Errorf("no decision %q of %s: %w", id, model, ErrUnknownDecision)
	}
	if err != nil {
		return nil, nil, nil, Unavailable(err)
	}
	before, after, err = s.repos.Decisions.Beside(ctx, model, placeOf(of))
	return of, before, after, Unavailable(err)
}

func placeOf(d *entities.DecisionCycle) repository.Place {
	return repository.Place{Time: d.ExecutedAt, ID: d.ID}
}

// Audit returns a decision of a model with what came of it until the next one.
func (s *Store) Audit(ctx context.Context, model, id string) (wire.DecisionAudit, error) {
	row, before, after, err := s.decision(ctx, model, id)
	if err != nil {
		return wire.DecisionAudit{}, err
	}
	document, err := mapping.DecisionPayload(*row)
	if err != nil {
		return wire.DecisionAudit{}, err
	}
	out := wire.DecisionAudit{
		Decision: document, PromptDigest: wire.FromPtr(row.PromptDigest),
		Success: row.Success, Error: wire.FromPtr(row.Error),
		Signals: analytics.SignalsIn(document.LlmResponse),
		Next:    s.refTo(model, after),
	}
	if out.Previous = s.refTo(model, before); before != nil {
		out.Diff = wire.Some(s.decisionLink(model, id, "/diff"))
	}
	span := repository.Span{From: row.ExecutedAt}
	if after != nil {
		// Both ends are inclusive, and times have microseconds.
		span.To = after.Time.Add(-time.Microsecond)
	}
	out.TradesLink = s.tradesLink(model, "", span)
	if out.Positions, err = s.auditedPositions(ctx, model, span, out.Signals); err != nil {
		return wire.DecisionAudit{}, err
	}
	if out.Trades, err = s.auditedTrades(ctx, model, span); err != nil {
		return wire.DecisionAudit{}, err
	}
	out.ServerTime = s.serverTime()
	return out, nil
}

// auditedPositions are the positions of a model that changed within a span.
func (s *Store) auditedPositions(ctx context.Context, model string, span repository.Span, signals []wire.Signal) ([]wire.AuditedPosition, error) {
	rows, err := s.repos.Positions.During(ctx, model, span, maxAudited)
	if err != nil {
		return nil, Unavailable(err)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	states, err := s.repos.Positions.Adjusted(ctx, model, ids, span)
	if err != nil {
		return nil, Unavailable(err)
	}
	adjustments := make(map[string][]wire.PositionState)
	for _, state := range states {
		p, err := mapping.PositionPayload(state)
		if err != nil {
			return nil, err
		}
		adjustments[state.ID] = append(adjustments[state.ID], wire.PositionState{Timestamp: wire.Seconds(state.StatedAt), Position: p})
	}
	said := make(map[string]string, len(signals))
	for _, signal := range signals {
		said[signal.Symbol] = signal.Signal
	}
	list := []wire.AuditedPosition{}
	for _, row := range rows {
		one := wire.AuditedPosition{
			ID: row.ID, Status: row.Status, Adjustments: adjustments[row.ID],
			Link:   s.positionsLink(model, row.Symbol),
			Opened: row.EntryTime != nil && within(span, *row.EntryTime),
			Closed: row.ClosedAt != nil && within(span, *row.ClosedAt),
		}
		if !one.Opened && !one.Closed && len(one.Adjustments) == 0 {
			continue
		}
		if one.Adjustments == nil {
			one.Adjustments = []wire.PositionState{}
		}
		if signal, ok := said[row.Symbol]; ok {
			one.Signal = wire.Some(signal)
		}
		if row.ClosedAt != nil {
			one.ClosedAt = wire.Some(wire.Seconds(*row.ClosedAt))
		}
		if one.Position, err = mapping.PositionPayload(row); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// auditedTrades are the trades of a model that were entered or closed within a span,
// each with the decisions that were the newest then.
func (s *Store) auditedTrades(ctx context.Context, model string, span repository.Span) ([]wire.AuditedTrade, error) {
	rows, err := s.repos.Trades.Exited(ctx, model, span, maxAudited)
	if err != nil {
		return nil, Unavailable(err)
	}
	entered, err := s.repos.Trades.Entered(ctx, model, span, maxAudited)
	if err != nil {
		return nil, Unavailable(err)
	}
	for _, row := range entered {
		if !within(span, row.ExitTime) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b entities.Trade) int {
		return cmp.Or(a.ExitTime.Compare(b.ExitTime), cmp.Compare(a.ID, b.ID))
	})
	times := make([]time.Time, 0, 2*len(rows))
	for _, row := range rows {
		times = append(times, row.EntryTime, row.ExitTime)
	}
	decisions, err := s.repos.Decisions.InForce(ctx, model, times)
	if err != nil {
		return nil, Unavailable(err)
	}
	list := make([]wire.AuditedTrade, len(rows))
	for i, row := range rows {
		list[i] = wire.AuditedTrade{
			OpenedBy: s.refTo(model, decisions[2*i]), ClosedBy: s.refTo(model, decisions[2*i+1]),
			Link: s.tradesLink(model, row.Symbol, repository.Span{From: row.ExitTime, To: row.ExitTime}),
		}
		if list[i].Trade, err = mapping.TradePayload(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func within(s repository.Span, at time.Time) bool {
	return !at.Before(s.From) && (s.To.IsZero() || !at.After(s.To))
}

// PromptDiff returns what changed in the prompt of a model since its decision before.
func (s *Store) PromptDiff(ctx context.Context, model, id string) (wire.PromptDiff, error) {
	row, before, _, err := s.decision(ctx, model, id)
	if err != nil {
		return wire.PromptDiff{}, err
	}
	of := placeOf(row)
	out := wire.PromptDiff{
		Decision: s.refTo(model, &of).Or(wire.DecisionRef{}), Previous: s.refTo(model, before),
		PromptDigest: wire.FromPtr(row.PromptDigest), Hunks: []wire.Hunk{}, ServerTime: s.serverTime(),
	}
	if before == nil {
		return out, nil
	}
	last, err := s.repos.Decisions.Of(ctx, model, before.ID)
	if err != nil {
		return out, Unavailable(err)
	}
	if last == nil { // an operator took it out this moment
		return out, fmt.Errorf("no decision %q of %s: %w", before.ID, model, ErrUnknownDecision)
	}
	out.PreviousDigest = wire.FromPtr(last.PromptDigest)
	return out, diffPrompts(&out, wire.FromPtr(last.UserPrompt).Or(""), wire.FromPtr(row.UserPrompt).Or(""))
}

// diffPrompts adds the lines in which two texts differ. The search for the fewest is
// given up beyond 100 differences, so that the cost follows the length.
func diffPrompts(out *wire.PromptDiff, before, after string) error {
	const around = 3
	unified, err := udiff.ToUnifiedDiff("", "", before, udiff.Lines(before, after), around)
	if err != nil {
		return fmt.Errorf("error comparing two prompts: %w", err)
	}
	for _, h := range unified.Hunks {
		hunk := wire.Hunk{PreviousLine: h.FromLine, Line: h.ToLine, Lines: []wire.DiffLine{}}
		for _, l := range h.Lines {
			line := wire.DiffLine{Change: "same", Text: strings.TrimSuffix(l.Content, "\n")}
			switch l.Kind {
			case udiff.Delete:
				line.Change = "removed"
				out.Removed++
			case udiff.Insert:
				line.Change = "added"
				out.Added++
			case udiff.Equal:
			}
			hunk.Lines = append(hunk.Lines, line)
		}
		out.Hunks = append(out.Hunks, hunk)
	}
	return nil
}

func (s *Store) refTo(model string, p *repository.Place) wire.Opt[wire.DecisionRef] {
	if p == nil {
		return wire.Opt[wire.DecisionRef]{}
	}
	return wire.Some(wire.DecisionRef{ID: p.ID, Timestamp: wire.Seconds(p.Time), Link: s.decisionLink(model, p.ID, "")})
}

// The links below are addresses below the host.

func (s *Store) decisionLink(model, id, part string) string {
	return s.link("/api/decisions/"+url.PathEscape(model)+"/"+url.PathEscape(id)+part, url.Values{})
}

// link adds the competition that was named to an address.
func (s *Store) link(path string, query url.Values) string {
	if s.named != "" {
		query.Set("competition", s.named)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func (s *Store) positionsLink(model, symbol string) string {
	return s.link("/api/positions/"+url.PathEscape(model), url.Values{"status": {"all"}, "symbol": {symbol}})
}

func (s *Store) tradesLink(model, symbol string, span repository.Span) string {
	query := url.Values{"model_id": {model}}
	if symbol != "" {
		query.Set("symbol", symbol)
	}
	for name, at := range map[string]time.Time{"from": span.From, "to": span.To} {
		if !at.IsZero() {
			query.Set(name, strconv.FormatFloat(wire.Seconds(at), 'f', -1, 64))
		}
	}
	return s.link("/api/trades", query)
}
