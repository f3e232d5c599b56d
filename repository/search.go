package repository

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"nof0/entities"
)

// searched is the text of a decision cycle that is searched, as the index
// decision_cycles_search has it (see entities.DecisionCycle): the summary before the
// chain of thought, of which an object has its strings. A tsvector holds a megabyte at
// most, and one that is larger would refuse the row: so the rest of a longer text is
// left out.
const searched = `(setweight(to_tsvector('english', left(COALESCE(cot_trace_summary, ''), 10000)), 'A') || ` +
	`setweight(CASE WHEN length(jsonb_extract_path_text(cot_trace, VARIADIC '{}')) <= 50000 THEN to_tsvector('english', cot_trace) ` +
	`ELSE to_tsvector('english', left(COALESCE(jsonb_extract_path_text(cot_trace, VARIADIC '{}'), ''), 50000)) END, 'B'))`

// MaxRanked is how many of the decisions that have the words of a search are ranked.
const MaxRanked = 1000

// The marks around what was found. A text that holds them itself is shown without.
const (
	MarkBegin = "\x02"
	MarkEnd   = "\x03"
)

// Search says what to look for. What is empty or zero selects nothing.
type Search struct {
	Query string // in the syntax of websearch_to_tsquery: words, "phrases", or, -not
	Model string
	Span  Span
	After *Found // only what stands behind it; nil is from the first one on
}

// Found is a decision that a search has found.
type Found struct {
	Rank        float64
	ExecutedAt  time.Time
	ID, ModelID string
	// Until is the time of the newest decision that was ranked. Those behind a row are
	// of the same ones, whatever is written meanwhile.
	Until time.Time
	// Summary and Trace are the parts of the texts around what was found, which stands
	// between marks.
	Summary, Trace string
}

// Searchable reports whether a query has a word that an index can find: one that is
// neither in every text nor excluded.
func (r Decisions) Searchable(ctx context.Context, query string) (searchable bool, err error) {
	err = r.run(ctx, "decisions", "Searchable", func(db *gorm.DB) error {
		return db.Raw("SELECT querytree(websearch_to_tsquery('english', ?)) NOT IN ('', 'T')", query).Scan(&searchable).Error
	})
	return searchable, err
}

// Search returns up to n decisions by rank, those of one rank newest first. Ranked are
// the newest MaxRanked that have the words, since a rank takes reading the whole text:
// the index finds those that have the words wherever these stand, and phrases are
// looked for among the newest.
func (r Decisions) Search(ctx context.Context, s Search, n int) (found []Found, err error) {
	span := s.Span
	after := "TRUE"
	args := map[string]any{"query": s.Query, "most": MaxRanked, "n": n, "from": span.From, "begin": MarkBegin, "end": MarkEnd}
	where := ""
	if s.Model != "" {
		where, args["model"] = " AND model_id = @model", s.Model
	}
	if a := s.After; a != nil {
		after = `(rank, executed_at, id COLLATE "C", model_id COLLATE "C") < (@rank, @at, @id, @of)`
		args["rank"], args["at"], args["id"], args["of"] = a.Rank, a.ExecutedAt, a.ID, a.ModelID
		span.To = a.Until
	}
	if !span.From.IsZero() {
		where += " AND executed_at >= @from"
	}
	if !span.To.IsZero() {
		where, args["to"] = where+" AND executed_at <= @to", span.To
	}
	headline := func(text string) string {
		return `ts_headline('english', translate(left(COALESCE(` + text + `, ''), 50000), @begin || @end, ''), (SELECT query FROM asked),
			'StartSel=' || @begin || ', StopSel=' || @end || ', MaxFragments=2, MaxWords=30, MinWords=10, FragmentDelimiter=" … "')`
	}
	err = r.run(ctx, "decisions", "Search", func(db *gorm.DB) error {
		return db.Raw(`
			WITH asked AS MATERIALIZED (
				SELECT query, regexp_replace(query::text, '<(-|\d+)>', '&', 'g')::tsquery AS words
				FROM websearch_to_tsquery('english', @query) query
			),
			hits AS MATERIALIZED (
				SELECT model_id, id, executed_at
				FROM decision_cycles
				WHERE competition_id = @competition AND `+searched+` @@ (SELECT words FROM asked)`+where+`
			),
			newest AS MATERIALIZED (
				SELECT model_id, id, executed_at
				FROM hits
				ORDER BY executed_at DESC, id COLLATE "C" DESC, model_id COLLATE "C" DESC
				LIMIT @most
			),
			texts AS MATERIALIZED (
				SELECT n.model_id, n.id, n.executed_at, `+strings.ReplaceAll(searched, "cot_trace", "d.cot_trace")+` AS text
				FROM newest n
				JOIN decision_cycles d ON d.competition_id = @competition AND d.model_id = n.model_id AND d.id = n.id
			),
			ranked AS (
				SELECT model_id, id, executed_at, ts_rank_cd(text, query)::double precision AS rank
				FROM texts CROSS JOIN asked
				WHERE text @@ query
			),
			page AS MATERIALIZED (
				SELECT model_id, id, executed_at, rank
				FROM ranked
				WHERE `+after+`
				ORDER BY rank DESC, executed_at DESC, id COLLATE "C" DESC, model_id COLLATE "C" DESC
				LIMIT @n
			)
			SELECT p.rank, p.executed_at, p.id, p.model_id, (SELECT max(executed_at) FROM newest) AS until,
				`+headline("d.cot_trace_summary")+` AS summary, `+headline("jsonb_extract_path_text(d.cot_trace, VARIADIC '{}')")+` AS trace
			FROM page p
			JOIN decision_cycles d ON d.competition_id = @competition AND d.model_id = p.model_id AND d.id = p.id
			ORDER BY p.rank DESC, p.executed_at DESC, p.id COLLATE "C" DESC, p.model_id COLLATE "C" DESC`,
			args, in(db)).Scan(&found).Error
	})
	return found, err
}

// DecisionKey is where a decision, or the newest message of a thread, stands in the
// order of all.
type DecisionKey struct {
	Time        time.Time
	ID, ModelID string
}

// DecisionFilter selects decisions, or threads: of a model, within a span. What is
// empty selects nothing.
type DecisionFilter struct {
	Model string
	Span  Span
	After *DecisionKey // only those behind it; nil is from the first one on
}

func (f DecisionFilter) conditions(at string) (where string, args []any) {
	where, args = f.Span.on(at, "TRUE")
	if f.Model != "" {
		where, args = where+" AND model_id = ?", append(args, f.Model)
	}
	if f.After != nil {
		where += ` AND (` + at + `, id COLLATE "C", model_id COLLATE "C") < (?, ?, ?)`
		args = append(args, f.After.Time, f.After.ID, f.After.ModelID)
	}
	return where, args
}

// Page returns up to n decisions, newest first, ties by id, then model, descending.
func (r Decisions) Page(ctx context.Context, f DecisionFilter, n int) (rows []entities.DecisionCycle, err error) {
	err = r.run(ctx, "decisions", "Page", func(db *gorm.DB) error {
		where, args := f.conditions("executed_at")
		return db.Where(where, args...).Order(newestDecisions).Limit(n).Find(&rows).Error
	})
	return rows, err
}

// Outline is a decision cycle without its long texts.
type Outline struct {
	entities.DecisionCycle
	PromptLength, TraceLength *int // in characters; nil without one
}

// Outlines returns what Page does, without prompts, chains of thought and the rest of
// long texts but for the answer.
func (r Decisions) Outlines(ctx context.Context, f DecisionFilter, n int) (rows []Outline, err error) {
	err = r.run(ctx, "decisions", "Outlines", func(db *gorm.DB) error {
		where, args := f.conditions("executed_at")
		return db.Model(&entities.DecisionCycle{}).
			Select(`model_id, id, executed_at, inserted_at, cycle_id, run_id, skill, decisions, success, error,
				length(user_prompt) AS prompt_length, length(jsonb_extract_path_text(cot_trace, VARIADIC '{}')) AS trace_length`).
			Where(where, args...).Order(newestDecisions).Limit(n).Scan(&rows).Error
	})
	return rows, err
}

// Page returns up to n threads, by their newest message, newest first, ties by id, then
// model, descending; each whole. Those without a message come last, where no span is
// asked for; a key of them has no time.
func (r Conversations) Page(ctx context.Context, f DecisionFilter, n int) (threads []Thread, err error) {
	err = r.run(ctx, "conversations", "Page", func(db *gorm.DB) error {
		var found []entities.Conversation
		if f.After == nil || !f.After.Time.IsZero() {
			where, args := f.conditions("last_message_at")
			err := db.Where(isThread).Where("last_message_at IS NOT NULL").Where(where, args...).
				Order(`last_message_at DESC, id COLLATE "C" DESC, model_id COLLATE "C" DESC`).Limit(n).Find(&found).Error
			if err != nil {
				return err
			}
		}
		if len(found) < n && f.Span == (Span{}) {
			query := db.Where(isThread).Where("last_message_at IS NULL")
			if f.Model != "" {
				query = query.Where("model_id = ?", f.Model)
			}
			if f.After != nil && f.After.Time.IsZero() {
				query = query.Where(`(id COLLATE "C", model_id COLLATE "C") < (?, ?)`, f.After.ID, f.After.ModelID)
			}
			var empty []entities.Conversation
			if err := query.Order(`id COLLATE "C" DESC, model_id COLLATE "C" DESC`).Limit(n - len(found)).Find(&empty).Error; err != nil {
				return err
			}
			found = append(found, empty...)
		}
		threads, err = withMessages(db, found)
		return err
	})
	return threads, err
}
