package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// printJSON writes a result for machines, durations in nanoseconds.
func (c *cli) printJSON(v any) error {
	nanoseconds := json.MarshalToFunc(func(enc *jsontext.Encoder, d time.Duration) error {
		return enc.WriteToken(jsontext.Int(int64(d)))
	})
	text, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true), json.WithMarshalers(nanoseconds))
	if err != nil {
		return fmt.Errorf("error rendering the result: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "%s\n", text)
	return err
}

// print prints a result: as JSON where that is asked for, else as people says it.
func (c *cli) print(result any, people func()) error {
	if c.json {
		return c.printJSON(result)
	}
	people()
	return nil
}

// newTable returns an aligned table without ornament; numeric names the columns
// that are set flush right.
func (c *cli) newTable(header table.Row, numeric ...int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(c.out)
	t.AppendHeader(header)
	style := table.StyleDefault
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	t.SetStyle(style)
	columns := make([]table.ColumnConfig, len(numeric))
	for i, n := range numeric {
		columns[i] = table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	t.SetColumnConfigs(columns)
	t.SuppressTrailingSpaces()
	return t
}

func moment(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// operator names who runs the program.
func operator() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ := os.Hostname() // a name alone is good enough
	return cmp.Or(name+"@"+host, name)
}
