package database

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/folder"
)

// sqlite is the only connection to a file: it holds its lock until it is closed.
type sqlite struct {
	conn       *sqlite3.Conn
	path       string
	statements map[string]*sqlite3.Stmt // by their texts, of which there are few
}

// sqliteSettings make a commit as safe as SQLite can: with the write-ahead log
// and synchronous = FULL it is one fsync (F_FULLFSYNC on macOS) and survives the
// loss of power. In exclusive mode the index of the log lies in memory, and no
// other process has the file. auto_vacuum is of new files only.
var sqliteSettings = []string{
	"PRAGMA locking_mode = EXCLUSIVE",
	"PRAGMA auto_vacuum = INCREMENTAL",
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA fullfsync = ON",
	"PRAGMA checkpoint_fullfsync = ON",
	"PRAGMA wal_autocheckpoint = 4000",
	"PRAGMA cache_size = -8192",
	"BEGIN EXCLUSIVE", // takes the lock now
	"COMMIT",
}

func openSQLite(c Config) (Conn, error) {
	const flags = sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE
	conn, err := sqlite3.OpenFlags(c.Path, flags)
	if err != nil {
		return nil, sqliteError(c.Path, err)
	}
	for _, text := range sqliteSettings {
		if err := conn.Exec(text); err != nil {
			return nil, errors.Join(sqliteError(c.Path, err), conn.Close())
		}
	}
	// The driver means to sync the folder when it makes the log, and syncs the file.
	if err := folder.Sync(filepath.Dir(c.Path)); err != nil {
		return nil, errors.Join(fmt.Errorf("SQLite file %s: %w", c.Path, err), conn.Close())
	}
	return &sqlite{conn: conn, path: c.Path, statements: map[string]*sqlite3.Stmt{}}, nil
}

// FreeSpace is how much more may be written to the disk of an SQLite file, in
// bytes.
func (c *Config) FreeSpace() (int64, error) { return folder.Free(filepath.Dir(c.Path)) }

func sqliteError(path string, err error) error {
	if err == nil {
		return nil
	}
	var code sqlite3.ErrorCode
	if !errors.As(err, &code) {
		return fmt.Errorf("SQLite file %s: %w", path, err)
	}
	text := strings.TrimPrefix(err.Error(), "sqlite3: ")
	told := &ServerError{Code: strconv.Itoa(int(code)), Message: text,
		Missing: strings.Contains(text, "no such table"), Large: code == sqlite3.TOOBIG, Full: code == sqlite3.FULL}
	err = fmt.Errorf("SQLite file %s: %w", path, told)
	switch code {
	case sqlite3.BUSY, sqlite3.LOCKED:
		err = fault.Hint(err, "another agent or program has the file open: give each channel a file of its own (driver.url = jdbc:sqlite:/path/file.sqlite)")
	case sqlite3.NOTADB:
		err = fault.Hint(err, "name another file, or move this one away")
	}
	return err
}

// statement finds or makes a prepared statement.
func (s *sqlite) statement(query string) (*sqlite3.Stmt, error) {
	if st := s.statements[query]; st != nil {
		return st, nil
	}
	st, _, err := s.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	s.statements[query] = st
	return st, nil
}

// run runs a statement; row may be nil.
func (s *sqlite) run(st *sqlite3.Stmt, args []any, row func([]any) error) (err error) {
	for i, arg := range args {
		if err := bind(st, i+1, arg); err != nil {
			return err
		}
	}
	defer func() {
		// Reset repeats the error of the last step.
		if resetErr := st.Reset(); err == nil {
			err = resetErr
		}
	}()
	var values []any
	for st.Step() {
		if row == nil {
			continue
		}
		if values == nil {
			values = make([]any, st.ColumnCount())
		}
		for i := range values {
			values[i] = column(st, i)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return st.Err()
}

func bind(st *sqlite3.Stmt, at int, arg any) error {
	switch v := arg.(type) {
	case int64:
		return st.BindInt64(at, v)
	case string:
		return st.BindText(at, v)
	case []byte:
		if len(v) == 0 { // a blob, not NULL
			return st.BindZeroBlob(at, 0)
		}
		return st.BindBlob(at, v)
	case nil:
		return st.BindNull(at)
	}
	return fmt.Errorf("an argument of type %T", arg)
}

func column(st *sqlite3.Stmt, i int) any {
	switch st.ColumnType(i) {
	case sqlite3.INTEGER:
		return st.ColumnInt64(i)
	case sqlite3.BLOB:
		return st.ColumnBlob(i, []byte{})
	case sqlite3.NULL:
		return nil
	}
	return st.ColumnText(i)
}

func (s *sqlite) Exec(_ context.Context, query string, args ...any) (int64, error) {
	if query == "ROLLBACK" && s.conn.GetAutocommit() {
		return 0, nil // some errors have ended the transaction
	}
	st, err := s.statement(query)
	if err == nil {
		err = s.run(st, args, nil)
	}
	return s.conn.Changes(), sqliteError(s.path, err)
}

func (s *sqlite) Query(_ context.Context, row func([]any) error, query string, args ...any) error {
	st, err := s.statement(query)
	if err == nil {
		err = s.run(st, args, row)
	}
	return sqliteError(s.path, err)
}

func (s *sqlite) Insert(_ context.Context, table string, columns []string, rows int, value func(int, []any)) error {
	st, err := s.statement(insertInto(table, columns) + marks(len(columns)))
	if err != nil {
		return sqliteError(s.path, err)
	}
	values := make([]any, len(columns))
	for i := range rows {
		value(i, values)
		if err := s.run(st, values, nil); err != nil {
			return sqliteError(s.path, err)
		}
	}
	return nil
}

func (s *sqlite) Close() error {
	var all error
	for _, st := range s.statements {
		all = errors.Join(all, st.Close())
	}
	return sqliteError(s.path, errors.Join(all, s.conn.Close()))
}

// insertInto begins an INSERT.
func insertInto(table string, columns []string) string {
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES "
}

// marks are the arguments of a row.
func marks(columns int) string {
	return "(" + strings.Repeat("?, ", columns-1) + "?)"
}
