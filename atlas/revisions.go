package atlas

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

const historyTable = "atlas_schema_revisions"

// createHistory is, column for column, what the Atlas command line tool creates.
const createHistory = `CREATE TABLE IF NOT EXISTS "atlas_schema_revisions" (
  "version" character varying NOT NULL,
  "description" character varying NOT NULL,
  "type" bigint NOT NULL DEFAULT 2,
  "applied" bigint NOT NULL DEFAULT 0,
  "total" bigint NOT NULL DEFAULT 0,
  "executed_at" timestamptz NOT NULL,
  "execution_time" bigint NOT NULL,
  "error" text NULL,
  "error_stmt" text NULL,
  "hash" character varying NOT NULL,
  "partial_hashes" jsonb NULL,
  "operator_version" character varying NOT NULL,
  PRIMARY KEY ("version")
)`

// The tool keeps an identifier of the table in a row of this version.
const historyIdentifier = ".atlas_cloud_identifier"

const selectRevisions = `SELECT version, description, type, applied, total, executed_at, execution_time,
  coalesce(error, ''), coalesce(error_stmt, ''), hash, coalesce(partial_hashes, 'null'), operator_version
FROM atlas_schema_revisions WHERE version <> '` + historyIdentifier + `'`

// revisions is the migration history in the table that the Atlas command line
// tool reads and writes too, in the schema that comes first in the search path,
// where the tables are. It works inside the transaction it is bound to.
type revisions struct{ db schema.ExecQuerier }

var _ migrate.RevisionReadWriter = revisions{}

// Ident implements migrate.RevisionReadWriter.
func (revisions) Ident() *migrate.TableIdent {
	return &migrate.TableIdent{Name: historyTable}
}

// create creates the table where it is missing.
func (r revisions) create(ctx context.Context) error {
	if _, err := r.db.ExecContext(ctx, createHistory); err != nil {
		return fmt.Errorf("error creating the migration history: %w", err)
	}
	return nil
}

// exists reports whether the table has been created.
func (r revisions) exists(ctx context.Context) (bool, error) {
	var exists bool
	err := queryRow(ctx, r.db, `SELECT to_regclass(quote_ident(current_schema()) || '.atlas_schema_revisions') IS NOT NULL`, &exists)
	if err != nil {
		return false, fmt.Errorf("error looking for the migration history: %w", err)
	}
	return exists, nil
}

// ReadRevisions implements migrate.RevisionReadWriter. They come oldest first.
func (r revisions) ReadRevisions(ctx context.Context) ([]*migrate.Revision, error) {
	return r.read(ctx, selectRevisions+` ORDER BY version`)
}

// ReadRevision implements migrate.RevisionReadWriter.
func (r revisions) ReadRevision(ctx context.Context, version string) (*migrate.Revision, error) {
	found, err := r.read(ctx, selectRevisions+` AND version = $1`, version)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, migrate.ErrRevisionNotExist
	}
	return found[0], nil
}

func (r revisions) read(ctx context.Context, query string, args ...any) (_ []*migrate.Revision, err error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("error reading the migration history: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var found []*migrate.Revision
	for rows.Next() {
		var (
			revision      migrate.Revision
			executionTime int64
			partialHashes []byte
		)
		if err := rows.Scan(
			&revision.Version, &revision.Description, &revision.Type, &revision.Applied, &revision.Total,
			&revision.ExecutedAt, &executionTime, &revision.Error, &revision.ErrorStmt, &revision.Hash,
			&partialHashes, &revision.OperatorVersion,
		); err != nil {
			return nil, fmt.Errorf("error reading a row of the migration history: %w", err)
		}
		if err := json.Unmarshal(partialHashes, &revision.PartialHashes); err != nil {
			return nil, fmt.Errorf("error reading the statement hashes of migration %s: %w", revision.Version, err)
		}
		revision.ExecutionTime = time.Duration(executionTime)
		revision.ExecutedAt = revision.ExecutedAt.UTC()
		found = append(found, &revision)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("error reading the migration history: %w", err)
	}
	return found, nil
}

// WriteRevision implements migrate.RevisionReadWriter. Like the tool it keeps
// the description and the time of the first attempt.
func (r revisions) WriteRevision(ctx context.Context, revision *migrate.Revision) error {
	// The tool writes the JSON value null for "none", not SQL NULL.
	partialHashes, err := json.Marshal(revision.PartialHashes)
	if err != nil {
		return fmt.Errorf("error encoding the statement hashes of migration %s: %w", revision.Version, err)
	}
	_, err = r.db.ExecContext(ctx, `INSERT INTO atlas_schema_revisions
  (version, description, type, applied, total, executed_at, execution_time, error, error_stmt, hash, partial_hashes, operator_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (version) DO UPDATE SET
  type = excluded.type, applied = excluded.applied, total = excluded.total, execution_time = excluded.execution_time,
  error = excluded.error, error_stmt = excluded.error_stmt, hash = excluded.hash,
  partial_hashes = excluded.partial_hashes, operator_version = excluded.operator_version`,
		revision.Version, revision.Description, int64(revision.Type), revision.Applied, revision.Total,
		revision.ExecutedAt, int64(revision.ExecutionTime), revision.Error, revision.ErrorStmt, revision.Hash,
		string(partialHashes), revision.OperatorVersion)
	if err != nil {
		return fmt.Errorf("error recording migration %s: %w", revision.Version, err)
	}
	return nil
}

// DeleteRevision implements migrate.RevisionReadWriter.
func (r revisions) DeleteRevision(ctx context.Context, version string) error {
	if _, err := r.db.ExecContext(ctx, `DELETE FROM atlas_schema_revisions WHERE version = $1`, version); err != nil {
		return fmt.Errorf("error forgetting migration %s: %w", version, err)
	}
	return nil
}

// appliedTo reads the migrations of a database, oldest first; none where it has no
// history.
func appliedTo(ctx context.Context, db schema.ExecQuerier) ([]*migrate.Revision, error) {
	table := revisions{db}
	exists, err := table.exists(ctx)
	if err != nil || !exists {
		return nil, err
	}
	return table.ReadRevisions(ctx)
}

// queryRow reads the one row of a query.
func queryRow(ctx context.Context, db schema.ExecQuerier, query string, dest ...any) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	return rows.Scan(dest...)
}
