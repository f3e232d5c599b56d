package repository

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"gorm.io/gorm"
)

// Pool returns the metrics of the pool of connections, by its name.
func (s *Store) Pool(name string) prometheus.Collector {
	return collectors.NewDBStatsCollector(s.pool, name)
}

// Table is how large a table is, with its indexes and its partitions.
type Table struct {
	Name  string
	Rows  float64 // as estimated when the database last looked
	Bytes float64
	// Partitions is how many it has, of those that begin after now Ahead; 0 where it
	// is not partitioned.
	Partitions, Ahead int
}

// Tables returns the tables of the schema by name. It reads the catalogue alone, and
// costs the same however much they hold.
func (s *Store) Tables(ctx context.Context, now time.Time) (tables []Table, err error) {
	err = s.Models.run(ctx, "store", "Tables", func(db *gorm.DB) error {
		return db.Raw(`SELECT coalesce(parent.relname, t.relname) AS name,
				sum(greatest(t.reltuples, 0)) AS rows, sum(pg_total_relation_size(t.oid)) AS bytes,
				count(i.inhrelid) AS partitions, count(i.inhrelid) FILTER (WHERE right(t.relname, 7) > ?) AS ahead
			FROM pg_class t LEFT JOIN pg_inherits i ON i.inhrelid = t.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
			WHERE t.relkind = 'r' AND t.relnamespace = quote_ident(current_schema())::regnamespace
			GROUP BY 1 ORDER BY 1`, now.UTC().Format(partitionMonth)).Scan(&tables).Error
	})
	return tables, err
}
