package database

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

// checkConn holds what every database does: values come back as they went in.
// blob is the database's type of bytes.
func checkConn(t *testing.T, c Conn, blob string) {
	exec := func(query string, args ...any) int64 {
		t.Helper()
		n, err := c.Exec(t.Context(), query, args...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}
	exec("CREATE TABLE v (id bigint PRIMARY KEY, name varchar(50), data " + blob + ")")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	large := bytes.Repeat(all, 4096) // 1 MiB
	rows := [][]any{{int64(1), "gr\u00f6\u00dfe '?\" \\", all}, {int64(math.MinInt64), "", []byte{}}, {int64(math.MaxInt64), nil, large}}
	for i := range 1500 {
		rows = append(rows, []any{int64(i + 2), "x", all[:i%256]})
	}
	exec("BEGIN")
	if err := c.Insert(t.Context(), "v", []string{"id", "name", "data"}, len(rows), func(i int, to []any) { copy(to, rows[i]) }); err != nil {
		t.Fatal(err)
	}
	exec("COMMIT")
	got := map[int64][]any{}
	err := c.Query(t.Context(), func(v []any) error {
		if b, ok := v[1].([]byte); ok { // MySQL's text
			v[1] = string(b)
		}
		got[v[0].(int64)] = append([]any{}, v...)
		return nil
	}, "SELECT id, name, data FROM v WHERE id > ? OR name = ?", int64(-5), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		v := got[row[0].(int64)]
		if len(v) != 3 || v[1] != row[1] || !bytes.Equal(v[2].([]byte), row[2].([]byte)) || v[2] == nil {
			t.Fatalf("row %d is not what was inserted", row[0])
		}
	}
	if len(got) != len(rows) {
		t.Errorf("%d rows, want %d", len(got), len(rows))
	}
	exec("BEGIN")
	if n := exec("DELETE FROM v WHERE id BETWEEN ? AND ?", int64(2), int64(101)); n != 100 {
		t.Errorf("%d rows were deleted", n)
	}
	exec("ROLLBACK")
	exec("ROLLBACK") // of nothing
	var told *ServerError
	if _, err := c.Exec(t.Context(), "SELECT * FROM no_such_table"); !errors.As(err, &told) || !told.Missing || Lost(err) {
		t.Errorf("a table that is not there: %v", err)
	}
	stop := errors.New("stop")
	if err := c.Query(t.Context(), func([]any) error { return stop }, "SELECT id FROM v"); !errors.Is(err, stop) || Lost(err) {
		t.Errorf("a query that is stopped: %v", err)
	}
	if n := exec("DELETE FROM v"); n != int64(len(rows)) {
		t.Errorf("%d rows were deleted", n)
	}
}

func TestSQLite(t *testing.T) {
	c := openFile(t, filepath.Join(t.TempDir(), "x ?#%.db"))
	checkConn(t, c, "blob")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func openFile(t *testing.T, path string) Conn {
	t.Helper()
	c, err := Open(t.Context(), Config{Kind: SQLite, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSQLiteIsAlone holds that a file belongs to one connection at a time, also
// within a process.
func TestSQLiteIsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	c := openFile(t, path)
	_, err := Open(t.Context(), Config{Kind: SQLite, Path: path})
	if err == nil || !strings.Contains(err.Error(), "locked") || !strings.Contains(fault.HintOf(err), "a file of its own") || Lost(err) {
		t.Fatalf("a file that another has: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openFile(t, path).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNotSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database\n"), 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Kind: SQLite, Path: path}); err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Fatalf("a text file: %v", err)
	}
	if _, err := Open(t.Context(), Config{Kind: SQLite, Path: filepath.Join(path, "y")}); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("a file below a file: %v", err)
	}
}
