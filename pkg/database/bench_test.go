package database

import (
	"bytes"
	"path/filepath"
	"testing"
)

// BenchmarkSQLite stores and deletes batches of 100 rows of 250 bytes, each
// batch synced to disk.
func BenchmarkSQLite(b *testing.B) {
	c, err := Open(b.Context(), Config{Kind: SQLite, Path: filepath.Join(b.TempDir(), "x")})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	exec := func(query string, args ...any) {
		if _, err := c.Exec(b.Context(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE event (id INTEGER PRIMARY KEY, headers BLOB NOT NULL, body BLOB NOT NULL)")
	body := bytes.Repeat([]byte("x"), 250)
	var id int64
	const batch = 100
	for b.Loop() {
		exec("BEGIN")
		if err := c.Insert(b.Context(), "event", []string{"id", "headers", "body"}, batch, func(i int, to []any) {
			to[0], to[1], to[2] = id+int64(i), []byte{0}, body
		}); err != nil {
			b.Fatal(err)
		}
		exec("COMMIT")
		n := 0
		if err := c.Query(b.Context(), func(v []any) error { n++; return nil }, "SELECT id, headers, body FROM event WHERE id >= ? ORDER BY id LIMIT ?", id, int64(batch)); err != nil || n != batch {
			b.Fatal(n, err)
		}
		exec("BEGIN")
		exec("DELETE FROM event WHERE id BETWEEN ? AND ?", id, id+batch-1)
		exec("COMMIT")
		id += batch
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "events/s")
}
