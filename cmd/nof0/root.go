package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/telemetry"
)

// streams are where a command reads and writes: results go to out, everything
// else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is what every command shares.
type cli struct {
	streams
	environ []string
	json    bool
	file    string
}

// exitError ends the program with a status of its own. Nothing more is printed
// where it wraps no error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, s streams, environ []string) int {
	c := &cli{streams: s, environ: environ}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.err != nil {
			fmt.Fprintln(s.err, "nof0:", exit.err)
		}
		return exit.code
	}
	fmt.Fprintln(s.err, "nof0:", err)
	return 1
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "nof0",
		Short:         "The storage of an AI trading arena: Postgres behind Redis behind its REST API",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       build().Version,
	}
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print results as JSON")
	root.PersistentFlags().StringVar(&c.file, "config", "", "YAML file (default $NOF0_CONFIG, or config/nof0.yaml if present)")
	root.AddCommand(
		c.serveCommand(),
		c.devCommand(),
		c.migrateCommand(),
		c.importCommand(),
		c.cacheCommand(),
		c.seasonCommand(),
		c.configCommand(),
	)
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// load returns the configuration in force.
func (c *cli) load(required ...config.Requirement) (config.Config, error) {
	return config.Load(config.Options{File: c.file, Env: c.environ, Required: required})
}

func (c *cli) logger(cfg config.Config) (*slog.Logger, error) {
	return telemetry.NewLogger(c.err, cfg.Log)
}

// version is set by the linker; see the Makefile.
var version = "dev"

// build is what the linker and the version control know of this binary.
func build() telemetry.Build {
	b := telemetry.Build{Version: version, Revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

// example indents the lines of a command's example.
func example(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
