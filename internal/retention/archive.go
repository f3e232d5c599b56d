package retention

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"nof0/internal/atomicfile"
)

const (
	archiveFormat  = "nof0 archive"
	archiveVersion = 1
	archiveSuffix  = ".csv.zst"
)

// Manifest is the first line of an archive.
type Manifest struct {
	Format    string    `json:"format"`
	Version   int       `json:"version"`
	Table     string    `json:"table"`
	Partition string    `json:"partition"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // exclusive
	Columns   []string  `json:"columns"`
	Rows      int64     `json:"rows"`
	SHA256    string    `json:"sha256"` // of all after this line
}

func (m Manifest) equal(o Manifest) bool {
	return m.Format == o.Format && m.Version == o.Version && m.Table == o.Table && m.Partition == o.Partition &&
		m.From.Equal(o.From) && m.To.Equal(o.To) && slices.Equal(m.Columns, o.Columns) && m.Rows == o.Rows && m.SHA256 == o.SHA256
}

// archive writes a detached partition to a file that is there only when it is
// whole, and returns its path.
func (s *session) archive(ctx context.Context, dir string, p *Partition) (_ string, _ Manifest, err error) {
	m := Manifest{
		Format: archiveFormat, Version: archiveVersion, Table: parent, Partition: p.Name, From: p.From, To: p.To,
	}
	if m.Columns, err = s.columns(ctx, p.Name); err != nil {
		return "", m, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", m, fmt.Errorf("error making the archive directory: %w", err)
	}
	if err := removeLeftovers(dir, p.Name); err != nil {
		return "", m, err
	}
	// The manifest stands before the rows and is known after them.
	body, err := os.CreateTemp(dir, leftover(p.Name))
	if err != nil {
		return "", m, fmt.Errorf("error writing the rows: %w", err)
	}
	defer func() { err = errors.Join(err, body.Close(), os.Remove(body.Name())) }()
	if err := s.copyOut(ctx, body, &m); err != nil {
		return "", m, fmt.Errorf("error writing the rows: %w", err)
	}
	head, err := json.Marshal(m)
	if err != nil {
		return "", m, fmt.Errorf("error rendering the manifest: %w", err)
	}
	const digits = 12
	path := filepath.Join(dir, p.Name+"-"+m.SHA256[:digits]+archiveSuffix)
	return path, m, atomicfile.Create(path, func(w io.Writer) error {
		z, err := zstd.NewWriter(w)
		if err != nil {
			return err
		}
		_, err = z.Write(append(head, '\n'))
		if err = errors.Join(err, z.Close()); err != nil {
			return err
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err = io.Copy(w, body)
		return err
	})
}

// leftover is the pattern of the files that a run has in the making.
func leftover(partition string) string { return "." + partition + ".*.rows" }

// removeLeftovers removes what a run that was cut off had in the making.
func removeLeftovers(dir, partition string) error {
	for _, pattern := range []string{leftover(partition), "." + partition + "-*" + archiveSuffix + ".*"} {
		found, err := filepath.Glob(filepath.Join(escaped(dir), pattern))
		if err != nil {
			return fmt.Errorf("error looking for leftovers: %w", err)
		}
		for _, path := range found {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("error removing a leftover: %w", err)
			}
		}
	}
	return nil
}

// escaped makes a directory stand for itself in a pattern.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// columns lists the columns of a partition, which have to be those of the table.
func (s *session) columns(ctx context.Context, name string) ([]string, error) {
	of := func(table string) ([]string, error) {
		rows, err := s.conn.Query(ctx, `
			SELECT attname::text FROM pg_attribute
			WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`, quoted(table))
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	columns, err := of(name)
	if err != nil {
		return nil, fmt.Errorf("error listing the columns: %w", err)
	}
	want, err := of(parent)
	if err != nil {
		return nil, fmt.Errorf("error listing the columns: %w", err)
	}
	if !slices.Equal(columns, want) {
		return nil, fmt.Errorf("%s has the columns %s and is no partition of %s, which has %s",
			name, strings.Join(columns, ", "), parent, strings.Join(want, ", "))
	}
	return columns, nil
}

// copyOut writes the rows in the order of their key, and notes what they are.
func (s *session) copyOut(ctx context.Context, w io.Writer, m *Manifest) error {
	z, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	sum := sha256.New()
	tag, err := s.conn.PgConn().CopyTo(ctx, io.MultiWriter(z, sum), fmt.Sprintf(
		"COPY (SELECT %s FROM %s ORDER BY provider, symbol, observed_at) TO STDOUT (FORMAT csv, HEADER true)",
		list(m.Columns), quoted(m.Partition)))
	m.Rows, m.SHA256 = tag.RowsAffected(), hex.EncodeToString(sum.Sum(nil))
	return errors.Join(err, z.Close())
}

func list(columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c)
	}
	return strings.Join(names, ", ")
}

// Archives lists the archives of a directory by name; none of "" or of one that is not
// there.
func Archives(dir string) (archives []fs.FileInfo, err error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("error listing the archives: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), archiveSuffix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("error looking at an archive: %w", err)
		}
		archives = append(archives, info)
	}
	return archives, nil
}

// Verify reads an archive from beginning to end, and returns its manifest and
// its size. An error says that it is not what its manifest says.
func Verify(path string) (m Manifest, size int64, err error) {
	err = withArchive(path, func(manifest Manifest, rows io.Reader) error {
		m = manifest
		sum := sha256.New()
		table := csv.NewReader(io.TeeReader(rows, sum))
		table.ReuseRecord = true
		table.FieldsPerRecord = len(m.Columns)
		var count int64
		for ; ; count++ {
			record, err := table.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if count == 0 && !slices.Equal(record, m.Columns) {
				return fmt.Errorf("it has the columns %s, and its manifest names %s",
					strings.Join(record, ", "), strings.Join(m.Columns, ", "))
			}
		}
		if count-1 != m.Rows { // the first is the names
			return fmt.Errorf("it has %d rows, and its manifest says %d", count-1, m.Rows)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != m.SHA256 {
			return fmt.Errorf("its checksum is %s, and its manifest says %s", got, m.SHA256)
		}
		return nil
	})
	if err != nil {
		return m, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return m, 0, fmt.Errorf("error reading %s: %w", path, err)
	}
	return m, info.Size(), nil
}

// withArchive opens an archive for the time of do.
func withArchive(path string, do func(m Manifest, rows io.Reader) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("error reading %s: %w", path, err)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer z.Close()
	rows := bufio.NewReader(z)
	head, err := rows.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("it is no archive: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(head, &m); err != nil {
		return fmt.Errorf("it is no archive: %w", err)
	}
	from, to, ok := monthOf(m.Partition)
	switch {
	case m.Format != archiveFormat || m.Table != parent || len(m.Columns) == 0:
		return fmt.Errorf("it is no archive of %s", parent)
	case m.Version != archiveVersion:
		return fmt.Errorf("it is of version %d, and this program reads %d", m.Version, archiveVersion)
	case !ok || !m.From.Equal(from) || !m.To.Equal(to):
		return fmt.Errorf("it says to be %q from %s to %s, which is no month", m.Partition, m.From, m.To)
	}
	return do(m, rows)
}
