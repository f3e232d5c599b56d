package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitUsage is the status after a command line that makes no sense.
const exitUsage = 2

// usageError says what is wrong with the command line, and where to read on.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format+"; see `%s --help`", append(args, cmd.CommandPath())...)}
}

// group makes a command that only holds others.
func group(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(members...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		meant := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			meant = ", did you mean " + strings.Join(near, " or ") + "?"
		}
		return usageError(cmd, "%s has no command %q%s", cmd.CommandPath(), args[0], meant)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// noArguments is the Args of a command that takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "%s takes no arguments, and was given %q", cmd.CommandPath(), args)
	}
	return nil
}

// oneArgument is the Args of a command that takes one, as its Use names it.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, "%s takes one argument, and was given %d: %s", cmd.CommandPath(), len(args), cmd.UseLine())
	}
	return nil
}

// flagError explains a flag that is unknown or has a wrong value.
func flagError(cmd *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := wrong.GetFlag()
		return usageError(cmd, "--%s: %q is no %s", flag.Name, wrong.GetValue(), flag.Value.Type())
	}
	return usageError(cmd, "%w", err)
}
