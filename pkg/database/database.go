// Package database connects to SQL databases: an SQLite file, PostgreSQL, MySQL
// and MariaDB. It is small because all that logpipe's start pays for is small:
// the drivers are used below database/sql, and PostgreSQL's protocol is spoken
// with the message types of pgx alone, whose own connections cost every command
// half a MiB more at its start.
//
// Queries are written with ? for their arguments, which are int64, string and
// []byte, in all databases. What comes back is of the same types, or nil.
package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Kind is the kind of a database.
type Kind string

// The kinds.
const (
	SQLite     Kind = "SQLite"
	PostgreSQL Kind = "PostgreSQL"
	MySQL      Kind = "MySQL" // and MariaDB
)

// Config says which database, and how to get in.
type Config struct {
	Kind      Kind
	Path      string   // of the file of SQLite
	Addresses []string // host:port; the first one that answers
	Database  string
	User      string
	Password  string
	Schema    string   // of PostgreSQL, a search_path; "" = the server's
	TLS       Security // of the connection to a server
	CA        string   // file of certificates in PEM that are trusted; "" = the system's
	Isolation string   // of transactions, as SQL writes it; "" = the server's default
	// Timeout is the longest that connecting may take, or the server may be
	// silent; 0 = 30 s.
	Timeout time.Duration
}

// Security is what a connection asks of TLS.
type Security int

// From the least to the most.
const (
	Prefer    Security = iota // encrypted where the server can, whoever it is
	Plain                     // not encrypted
	Encrypted                 // encrypted, whoever the server is
	VerifyCA                  // the server's certificate is trusted
	Verified                  // and it is the server's own
)

const defaultTimeout = 30 * time.Second

func (c *Config) timeout() time.Duration {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	return c.Timeout
}

// String names the database for people: without the password.
func (c *Config) String() string {
	if c.Kind == SQLite {
		return "the SQLite file " + c.Path
	}
	return fmt.Sprintf("%s at %s, database %s", c.Kind, join(c.Addresses), c.Database)
}

// Conn is a connection. It belongs to one goroutine at a time.
type Conn interface {
	// Exec runs a statement and returns the number of rows that it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query runs a query and calls row for each row of the result. The values
	// are the callee's; the slice is not.
	Query(ctx context.Context, row func(values []any) error, query string, args ...any) error
	// Insert adds rows to a table in as few steps as the database allows; value
	// fills in the row of that index. Without a transaction around it, an error
	// may leave some of the rows.
	Insert(ctx context.Context, table string, columns []string, rows int, value func(row int, to []any)) error
	// Close gives the connection up.
	Close() error
}

// Open connects. A server that cannot be reached is an error of fault's
// Unreachable with its address, and Lost.
func Open(ctx context.Context, c Config) (Conn, error) {
	switch c.Kind {
	case SQLite:
		return openSQLite(c)
	case PostgreSQL:
		return eachAddress(ctx, c, openPostgres)
	case MySQL:
		return eachAddress(ctx, c, openMySQL)
	}
	return nil, fmt.Errorf("no database is of the kind %q", c.Kind)
}

// eachAddress tries the addresses in order.
func eachAddress(ctx context.Context, c Config, open func(context.Context, Config, string) (Conn, error)) (Conn, error) {
	var all error
	for _, address := range c.Addresses {
		attempt, cancel := context.WithTimeoutCause(ctx, c.timeout(), fmt.Errorf("no answer within %v", c.timeout()))
		conn, err := open(attempt, c, address)
		cancel()
		if err == nil {
			return conn, nil
		}
		all = errors.Join(all, err)
		if !Lost(err) {
			break // it answered
		}
	}
	return nil, all
}

// ServerError is an answer of the database that something is wrong.
type ServerError struct {
	Code    string // SQLSTATE; SQLite's own code as a number
	Message string
	Detail  string // more, from PostgreSQL; "" = none
	// Missing says that a table is not there, Large that a value is larger than
	// the database takes, Full that the database has no space.
	Missing, Large, Full bool
}

func (e *ServerError) Error() string {
	text := e.Message
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Code == "" {
		return text
	}
	return fmt.Sprintf("%s (%s)", text, e.Code)
}

// lostError is a connection that is gone.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// lost is the end of a connection with the server at an address.
func lost(kind Kind, address string, err error) error {
	return lostError{fault.Unreachablef("%s at %s: %w", kind, address, err)}
}

// Lost reports whether the connection is gone, or could not be had: another one
// may be had later. What it did last may have been done or not.
func Lost(err error) bool {
	var l lostError
	return errors.As(err, &l)
}
