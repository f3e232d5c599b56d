package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"nof0/entities"
	"nof0/internal/snapshot"
)

// The verdicts on a file.
const (
	FileTaken   = "taken"   // what is not at fault of it
	FileIgnored = "ignored" // it is no endpoint's answer, or states nothing new
	FileRefused = "refused" // it is not what it claims to be
)

// Explanation says what an import of a directory would do, as far as that does not
// depend on what is stored already.
type Explanation struct {
	Dir   string            `json:"dir"`
	Files []FileExplanation `json:"files"` // by name
}

// FileExplanation says what would become of one file.
type FileExplanation struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	Rows    int    `json:"rows"`
	Taken   int    `json:"taken"` // of the rows; of several of one state, those that it is made of count as one
	// Refused are the rows at fault.
	Refused []snapshot.RowFault `json:"refused"`
	// Notes say what else is done with the file.
	Notes []string `json:"notes,omitempty"`
}

// Damaged counts the files that are not what they claim to be.
func (e *Explanation) Damaged() int {
	return len(slices.DeleteFunc(slices.Clone(e.Files), func(f FileExplanation) bool { return f.Verdict != FileRefused }))
}

// Refused counts the rows at fault.
func (e *Explanation) Refused() (n int) {
	for _, f := range e.Files {
		n += len(f.Refused)
	}
	return n
}

// Explain says what Import would do with a directory. It asks no database, and
// Options.Store is not used.
func Explain(dir string, o Options) (*Explanation, error) {
	files, err := snapshot.ReadReadable(dir)
	if err != nil {
		return nil, err
	}
	e := &Explanation{Dir: dir}
	for _, name := range files.Ignored {
		e.Files = append(e.Files, FileExplanation{Name: name, Verdict: FileIgnored, Reason: snapshot.Lookalike(dir, name)})
	}
	for _, nothing := range files.Nothing {
		e.Files = append(e.Files, FileExplanation{Name: nothing.File, Verdict: FileIgnored, Reason: nothing.Reason})
	}
	for _, damaged := range files.Damaged {
		e.Files = append(e.Files, FileExplanation{
			Name: damaged.File, Verdict: FileRefused,
			Reason: fmt.Sprintf("line %d, column %d (offset %d): %s", damaged.Line, damaged.Column, damaged.Offset, damaged.Reason),
		})
	}
	parts := split(files, cmp.Or(o.Competition, o.DefaultCompetition, entities.FirstCompetition), o.Competition != "")
	for _, part := range parts {
		c, err := readCapture(part.files, entities.Competition{ID: part.competition}, o, nil)
		if err != nil {
			return nil, err
		}
		taken := c.takenOf()
		for _, f := range part.files.Files {
			x := c.explain(f, taken[f.Name])
			if len(parts) > 1 {
				x.Notes = append(x.Notes, fmt.Sprintf("%d rows are of competition %q", x.Rows, part.competition))
			}
			if at := slices.IndexFunc(e.Files, func(known FileExplanation) bool { return known.Name == x.Name }); at >= 0 {
				e.Files[at].merge(&x)
			} else {
				e.Files = append(e.Files, x)
			}
		}
	}
	for i := range e.Files {
		if e.Files[i].Refused == nil {
			e.Files[i].Refused = []snapshot.RowFault{}
		}
	}
	slices.SortFunc(e.Files, func(a, b FileExplanation) int { return strings.Compare(a.Name, b.Name) })
	return e, nil
}

// merge adds what would become of the rows of another competition.
func (x *FileExplanation) merge(other *FileExplanation) {
	if x.Verdict == FileIgnored {
		x.Verdict, x.Reason = other.Verdict, other.Reason
	}
	x.Rows += other.Rows
	x.Taken += other.Taken
	x.Refused = append(x.Refused, other.Refused...)
	x.Notes = append(x.Notes, other.Notes...)
}

func (c *capture) explain(f *snapshot.File, taken int) FileExplanation {
	x := FileExplanation{Name: f.Name, Verdict: FileTaken, Rows: len(f.Rows), Taken: taken}
	for _, kind := range kinds() {
		for _, row := range c.byKind[kind].Rows {
			if row.File == f.Name {
				x.Refused = append(x.Refused, row)
			}
		}
	}
	for _, note := range c.report.Ignored {
		if note, of := strings.CutPrefix(note, f.Name+": "); of {
			x.Notes = append(x.Notes, note)
		}
	}
	if f.Kind == snapshot.AccountTotals && len(c.statements) > 0 && c.statements[0].file.Kind == f.Kind {
		x.Notes = append(x.Notes, fmt.Sprintf("its newest rows state the open positions of %d models", len(c.statements)))
	}
	switch {
	case len(f.Rows) == 0:
		x.Verdict, x.Reason = FileIgnored, "has no rows"
	case taken == 0 && slices.Contains(c.report.Derived, f.Name):
		x.Verdict, x.Reason = FileIgnored, "follows from the other files and is not stored"
	case taken == 0 && f.Kind == snapshot.ModelAnalytics && len(x.Refused) == 0:
		x.Verdict, x.Reason = FileIgnored, "analytics.json has this model"
	case slices.Contains(c.report.Derived, f.Name):
		x.Reason = "what follows from the other files is not stored"
	}
	return x
}

// takenOf counts the rows that are taken, by file.
func (c *capture) takenOf() map[string]int {
	n := make(map[string]int)
	count(n, c.prices)
	count(n, c.equity)
	count(n, c.trades)
	if len(c.statements) > 0 && c.statements[0].file.Kind == snapshot.Positions {
		count(n, c.statements)
	}
	count(n, c.accounts)
	count(n, c.analytics)
	count(n, c.standings)
	count(n, c.threads)
	count(n, c.decisions)
	return n
}

func count[T any](n map[string]int, items []item[T]) {
	for _, one := range items {
		n[one.file.Name]++
	}
}
