package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"nof0/internal/telemetry"
)

// Set by the linker; see the Makefile.
var version, commit, date string

// build returns what the linker, or else the version control, knows of this binary.
func build() telemetry.Build {
	b := telemetry.Build{Version: version, Revision: commit, Date: date, Go: runtime.Version()}
	noted := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
	}
	for _, known := range []struct {
		field    *string
		fallback string
	}{{&b.Version, "dev"}, {&b.Revision, noted["vcs.revision"]}, {&b.Date, noted["vcs.time"]}} {
		if *known.field == "" {
			*known.field = known.fallback
		}
		if *known.field == "" {
			*known.field = "unknown"
		}
	}
	return b
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, its commit and date, and the Go that built it",
		Example: example("nof0 version", "nof0 version --json"),
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			b := build()
			return c.print(b, func() {
				fmt.Fprintf(c.out, "nof0 %s\ncommit %s\ndate %s\n%s\n", b.Version, b.Revision, b.Date, b.Go)
			})
		},
	}
}
