package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sys/unix"

	"nof0/internal/loop"
)

// sizes are what grows until it is in the way: tables, partitions that run out, disks.
type sizes struct {
	rows, bytes, ahead, free, disk *prometheus.GaugeVec
}

func newSizes(reg prometheus.Registerer) sizes {
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	return sizes{
		rows:  gauge("nof0_table_rows", "Rows of a table with its partitions, as the database last estimated them.", "table"),
		bytes: gauge("nof0_table_bytes", "Bytes of a table with its indexes and its partitions.", "table"),
		ahead: gauge("nof0_partitions_ahead", "Monthly partitions of a table that begin after this month.", "table"),
		free:  gauge("nof0_disk_free_bytes", "Bytes that may still be written to the file system of a configured directory.", "directory"),
		disk:  gauge("nof0_disk_bytes", "Bytes of the file system of a configured directory.", "directory"),
	}
}

// publish registers what each scrape asks for.
func (a *App) publish(reg prometheus.Registerer) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	gauge("nof0_postgres_hung", "1 where writes are refused at once, since neither one under way nor a ping is answered.", nil, func() float64 {
		if a.writes.Hung() {
			return 1
		}
		return 0
	})
	const bytes = "Bytes that a cache of this process holds, of which each may have half of cache.local_bytes."
	gauge("nof0_memory_cache_bytes", bytes, prometheus.Labels{"cache": "answers"}, func() float64 { return float64(a.cache.LocalBytes()) })
	gauge("nof0_memory_cache_bytes", bytes, prometheus.Labels{"cache": "last known"}, func() float64 { return float64(a.Service.KnownBytes()) })
}

// measuring is the work that keeps the sizes up to date.
func (a *App) measuring(s sizes) loop.Options {
	return loop.Options{
		Name: "measure tables and disks", Interval: time.Minute,
		Round: func(ctx context.Context) (more bool, err error) {
			s.measureDisks(map[string]string{
				"json_dir": a.cfg.JSONDir, "retention.archive_dir": a.cfg.Retention.ArchiveDir,
			})
			return false, a.measureTables(ctx, s)
		},
	}
}

func (a *App) measureTables(ctx context.Context, s sizes) error {
	tables, err := a.Store.Tables(ctx, time.Now())
	for _, t := range tables {
		s.rows.WithLabelValues(t.Name).Set(t.Rows)
		s.bytes.WithLabelValues(t.Name).Set(t.Bytes)
		if t.Partitions > 0 {
			s.ahead.WithLabelValues(t.Name).Set(float64(t.Ahead))
		}
	}
	if err == nil {
		a.system.NoteTables(tables)
	}
	return err
}

// measureDisks looks at directories by the names of their settings, as far as they exist.
func (s sizes) measureDisks(directories map[string]string) {
	for name, dir := range directories {
		var disk unix.Statfs_t
		if dir == "" || unix.Statfs(dir, &disk) != nil {
			continue
		}
		s.free.WithLabelValues(name).Set(float64(disk.Bavail) * float64(disk.Bsize))
		s.disk.WithLabelValues(name).Set(float64(disk.Blocks) * float64(disk.Bsize))
	}
}
