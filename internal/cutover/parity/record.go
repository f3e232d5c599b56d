package parity

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nof0/entities"
	"nof0/internal/wire"
	"nof0/repository"
)

// longestValue is how much of a value a kept report holds, in bytes.
const longestValue = 4 << 10

// recordedCounts is the counts column of a report.
type recordedCounts struct {
	wire.ParityCounts
	NotHeld []string `json:"not_held,omitzero"`
}

// record keeps reports, each with its first findings.
func record(ctx context.Context, repo repository.Parity, runs ...*wire.ParityRun) error {
	rows := make([]*entities.ParityRun, len(runs))
	for i, run := range runs {
		counts, err := wire.Marshal(recordedCounts{run.Counts, run.NotHeld})
		if err != nil {
			return fmt.Errorf("error rendering the counts of %s: %w", run.Domain, err)
		}
		first, err := wire.Marshal(shorten(run.Findings))
		if err != nil {
			return fmt.Errorf("error rendering the findings of %s: %w", run.Domain, err)
		}
		rows[i] = &entities.ParityRun{
			Domain: run.Domain, RanAt: wire.Time(run.RanAt), Verdict: run.Verdict,
			Counts: entities.JSON(counts), Differences: entities.JSON(first),
		}
	}
	if err := repo.Record(ctx, rows...); err != nil {
		return err
	}
	for i, run := range runs {
		run.ID = rows[i].ID
	}
	return nil
}

// shorten returns the first findings, long values cut off.
func shorten(all []wire.ParityFinding) []wire.ParityFinding {
	first := make([]wire.ParityFinding, min(len(all), wire.ParityFindingsShown))
	copy(first, all)
	for i := range first {
		first[i].JSON, first[i].Store = cut(first[i].JSON), cut(first[i].Store)
	}
	return first
}

func cut(v jsontext.Value) jsontext.Value {
	if len(v) <= longestValue {
		return v
	}
	return text(fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(string(v[:longestValue]), ""), len(v)))
}

// recorded reads a report back.
func recorded(row entities.ParityRun) (wire.ParityRun, error) {
	run := wire.ParityRun{ID: row.ID, Domain: row.Domain, RanAt: wire.Seconds(row.RanAt), Verdict: row.Verdict}
	var counts recordedCounts
	if err := wire.Unmarshal(row.Counts, &counts); err != nil {
		return run, fmt.Errorf("error reading the counts of parity run %d: %w", row.ID, err)
	}
	run.Counts, run.NotHeld = counts.ParityCounts, counts.NotHeld
	if err := wire.Unmarshal(row.Differences, &run.Findings); err != nil {
		return run, fmt.Errorf("error reading the findings of parity run %d: %w", row.ID, err)
	}
	return run, nil
}
