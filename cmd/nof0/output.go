package main

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// printJSON writes a result for machines.
func (c *cli) printJSON(v any) error {
	if err := json.MarshalWrite(c.out, v, jsontext.WithIndent("  "), json.Deterministic(true)); err != nil {
		return fmt.Errorf("error writing the result: %w", err)
	}
	_, err := fmt.Fprintln(c.out)
	return err
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
