package atlas

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sdk/recordriver"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const schemaHeader = `-- Code generated from package entities; DO NOT EDIT.
-- Change a struct tag and run: nof0 migrate diff NAME
`

// Schema prints the Postgres DDL of GORM models: the tables in the order
// given, each with its indexes, then the foreign keys. The same models give the
// same text. A model with a method TableOptions() string has it appended to its
// CREATE TABLE (partitioning, which tags cannot express).
func Schema(models []any) (string, error) {
	// The recorder keeps what it saw by this name, process-wide.
	session := rand.Text()
	conn, err := sql.Open("recordriver", session)
	if err != nil {
		return "", fmt.Errorf("error opening the statement recorder: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// The recorder forgets everything as soon as one connection closes.
	conn.SetMaxIdleConns(len(models) + 1)

	db, err := gorm.Open(postgres.New(postgres.Config{Conn: conn}), &gorm.Config{
		// Foreign keys come last, so that the order of tables does not matter.
		DisableForeignKeyConstraintWhenMigrating: true,
		Logger:                                   logger.Discard,
	})
	if err != nil {
		return "", fmt.Errorf("error opening GORM on the statement recorder: %w", err)
	}
	for _, model := range models {
		if err := createTable(db, model); err != nil {
			return "", fmt.Errorf("error printing the table of %T: %w", model, err)
		}
	}
	for _, model := range models {
		if err := createForeignKeys(db, model); err != nil {
			return "", fmt.Errorf("error printing the foreign keys of %T: %w", model, err)
		}
	}

	recorded, ok := recordriver.Session(session)
	if !ok {
		return "", errors.New("the statement recorder lost its session: no statement was printed")
	}
	var b strings.Builder
	b.WriteString(schemaHeader)
	for _, statement := range recorded.Statements {
		if strings.HasPrefix(statement, "CREATE TABLE") {
			b.WriteByte('\n')
		}
		b.WriteString(layOut(statement))
		b.WriteString(";\n")
	}
	return b.String(), nil
}

func createTable(db *gorm.DB, model any) error {
	// GORM's migrator panics on what it cannot parse.
	if err := (&gorm.Statement{DB: db}).Parse(model); err != nil {
		return err
	}
	if m, ok := model.(interface{ TableOptions() string }); ok {
		db = db.Set("gorm:table_options", " "+m.TableOptions())
	}
	// AutoMigrate would also create the tables of related models, a second time.
	return db.Migrator().CreateTable(model)
}

func createForeignKeys(db *gorm.DB, model any) error {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(model); err != nil {
		return err
	}
	relations := stmt.Schema.Relationships.Relations
	for _, name := range slices.Sorted(maps.Keys(relations)) {
		relation := relations[name]
		if relation.Field.IgnoreMigration {
			continue
		}
		constraint := relation.ParseConstraint()
		if constraint == nil || constraint.Schema != stmt.Schema {
			continue
		}
		if err := db.Migrator().CreateConstraint(model, constraint.Name); err != nil {
			return err
		}
	}
	return nil
}
