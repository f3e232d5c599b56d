package atlas

import (
	"context"
	"fmt"
	"regexp"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
)

// plan turns changes into statements without schema names, like those that the
// Atlas command line tool writes on a connection bound to a schema.
func plan(ctx context.Context, changes []schema.Change) (*migrate.Plan, error) {
	planned, err := postgres.DefaultPlan.PlanChanges(ctx, "", changes, func(o *migrate.PlanOptions) {
		none := ""
		o.SchemaQualifier = &none
		o.Indent = "  "
		o.Mode = migrate.PlanModeDeferred
	})
	if err != nil {
		return nil, fmt.Errorf("error planning the statements of a migration: %w", err)
	}
	for _, change := range planned.Changes {
		onlyParent(change)
	}
	return planned, nil
}

// onlyParent keeps a new index of a partitioned table that exists already to the
// table itself, which is done at once: new partitions get it by themselves, and
// those that are there are built one by one, concurrently (see docs/schema.md).
// Built for all of them in one statement, it would keep writers out meanwhile.
func onlyParent(change *migrate.Change) {
	modify, ok := change.Source.(*schema.ModifyTable)
	if !ok || !partitioned(modify.T) || !createIndex.MatchString(change.Cmd) {
		return
	}
	change.Cmd = createIndex.ReplaceAllString(change.Cmd, "${1}ONLY ")
	change.Comment += `, to be built on each partition concurrently and attached`
}

var createIndex = regexp.MustCompile(`^(CREATE (?:UNIQUE )?INDEX "[^"]+" ON )`)

// statementsOf are the changes as statements, for people to read.
func statementsOf(ctx context.Context, changes []schema.Change) ([]string, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	planned, err := plan(ctx, changes)
	if err != nil {
		return nil, err
	}
	statements := make([]string, len(planned.Changes))
	for i, change := range planned.Changes {
		statements[i] = change.Cmd + ";"
	}
	return statements, nil
}

// splitIndexes takes the new indexes on existing tables out of changes and
// makes them concurrent: built plainly, an index keeps writers out of its table
// for as long as that takes. They need a file without a transaction, the rest
// is better off with one. A partitioned table knows no concurrent build; see
// onlyParent.
func splitIndexes(changes []schema.Change) (rest, indexes []schema.Change) {
	for _, change := range changes {
		modify, ok := change.(*schema.ModifyTable)
		if !ok || partitioned(modify.T) {
			rest = append(rest, change)
			continue
		}
		var here, later []schema.Change
		for _, c := range modify.Changes {
			if add, ok := c.(*schema.AddIndex); ok {
				add.Extra = append(add.Extra, &postgres.Concurrently{})
				later = append(later, c)
			} else {
				here = append(here, c)
			}
		}
		if len(here) > 0 {
			rest = append(rest, &schema.ModifyTable{T: modify.T, Changes: here})
		}
		if len(later) > 0 {
			indexes = append(indexes, &schema.ModifyTable{T: modify.T, Changes: later})
		}
	}
	return rest, indexes
}

func partitioned(table *schema.Table) bool {
	for _, attr := range table.Attrs {
		if _, ok := attr.(*postgres.Partition); ok {
			return true
		}
	}
	return false
}
