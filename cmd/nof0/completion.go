package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nof0/config"
	"nof0/internal/app"
	"nof0/internal/arena"
)

// completion is what a shell is offered for the arguments that are still missing.
type completion = cobra.CompletionFunc

// addCompletion adds the library's command that prints the scripts of shells, made as
// ours are, and lets no command that offers nothing offer files.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Example = example("source <(nof0 completion bash)", "nof0 completion fish > ~/.config/fish/completions/nof0.fish")
		for _, shell := range cmd.Commands() {
			shell.Args, shell.Example, shell.Long = noArguments, example(shell.CommandPath()+" --no-descriptions"), strings.TrimSpace(shell.Long)
		}
		cmd.Long = strings.TrimSpace(cmd.Long)
		group(cmd)
	}
	completeNothing(root)
}

// completeNothing is for commands that offer nothing of their own.
func completeNothing(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && !cmd.DisableFlagParsing {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, member := range cmd.Commands() {
		completeNothing(member)
	}
}

// completeOne offers what the shell itself finds, files or directories, once.
func completeOne(found cobra.ShellCompDirective) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, found
	}
}

func completeDomains(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return strings.Split(domainNames(), ", "), cobra.ShellCompDirectiveNoFileComp
}

// completeModels offers the models of the database. A shell does not wait long, and
// hears nothing of a database that is not there.
func (c *cli) completeModels(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	cfg, err := config.Load(config.Options{File: c.file, Env: c.environ, Required: []config.Requirement{config.RequireDatabase()}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	store, err := app.OpenStore(ctx, cfg, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = store.Close() }() // nothing was written
	models, err := store.Models.All(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offered []string
	for i := range models {
		if !slices.Contains(args, models[i].ID) {
			offered = append(offered, models[i].ID)
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

func domainNames() string {
	var names []string
	for _, d := range arena.Domains() {
		names = append(names, string(d))
	}
	return strings.Join(names, ", ")
}
