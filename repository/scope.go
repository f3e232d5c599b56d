package repository

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"nof0/entities"
)

// Every statement on a table of accounts is of the competition that the repositories
// are bound to. GORM's own statements get the condition, and the rows that they
// insert the column, from the callbacks of this file. Statements that are written out
// name competition_id = @competition, which is the parameter in(db).

type competitionKey struct{}

func withCompetition(ctx context.Context, competition string) context.Context {
	return context.WithValue(ctx, competitionKey{}, competition)
}

// competitionOf is the competition that run has bound a session to.
func competitionOf(db *gorm.DB) string {
	competition, _ := db.Statement.Context.Value(competitionKey{}).(string)
	return cmp.Or(competition, entities.FirstCompetition)
}

// in is the parameter @competition of a statement.
func in(db *gorm.DB) sql.NamedArg { return sql.Named("competition", competitionOf(db)) }

// scopeField is the column that distinguishes accounts of a table, nil where its rows
// belong to none. The outbox is relayed whole.
func scopeField(s *schema.Schema) *schema.Field {
	if s == nil || s.Table == (entities.OutboxEvent{}).TableName() {
		return nil
	}
	return s.LookUpField("CompetitionID")
}

// scopeStatements adds the callbacks.
func scopeStatements(db *gorm.DB) error {
	const name = "nof0:competition"
	c := db.Callback()
	return errors.Join(
		c.Query().Before("gorm:query").Register(name, narrow),
		c.Row().Before("gorm:row").Register(name, narrow),
		c.Update().Before("gorm:update").Register(name, narrow),
		c.Delete().Before("gorm:delete").Register(name, func(db *gorm.DB) {
			narrow(db)
			eachOfScope(db, func(field *schema.Field, row reflect.Value) error {
				for _, key := range field.Schema.PrimaryFields { // without one, the row is no more than the name of the table
					if _, zero := key.ValueOf(db.Statement.Context, row); key != field && !zero {
						return stampRow(db, field, row)
					}
				}
				return nil
			})
		}),
		c.Create().Before("gorm:create").Register(name, func(db *gorm.DB) {
			eachOfScope(db, func(field *schema.Field, row reflect.Value) error { return stampRow(db, field, row) })
		}),
	)
}

// narrow adds the condition to a statement that GORM writes.
func narrow(db *gorm.DB) {
	field := scopeField(db.Statement.Schema)
	if field == nil || db.Error != nil || db.Statement.SQL.Len() > 0 {
		return
	}
	db.Statement.AddClause(clause.Where{Exprs: []clause.Expression{
		clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: field.DBName}, Value: competitionOf(db)},
	}})
}

// eachOfScope hands out the rows of a statement that GORM writes on a table of
// accounts.
func eachOfScope(db *gorm.DB, do func(field *schema.Field, row reflect.Value) error) {
	field := scopeField(db.Statement.Schema)
	if field == nil || db.Error != nil {
		return
	}
	rows := reflect.Indirect(db.Statement.ReflectValue)
	if rows.Kind() != reflect.Slice {
		_ = db.AddError(do(field, rows))
		return
	}
	for i := range rows.Len() {
		_ = db.AddError(do(field, reflect.Indirect(rows.Index(i))))
	}
}

// stampRow gives a row the column. One that names another competition is an error.
func stampRow(db *gorm.DB, field *schema.Field, row reflect.Value) error {
	competition := competitionOf(db)
	switch of := field.ReflectValueOf(db.Statement.Context, row); of.String() {
	case competition:
	case "":
		of.SetString(competition)
	default:
		return fmt.Errorf("a row of %s is of competition %q, and was handed to the repositories of %q",
			field.Schema.Table, of.String(), competition)
	}
	return nil
}
