// Package format reads log lines: bytes in, fields out. A Format describes the
// lines of a log (access logs of Apache, nginx and IIS, delimited and CSV files,
// regular expressions, logfmt, JSON, Spark event logs, plain text); its Parsers
// index lines as records of package record without decoding them.
//
// The forms follow their sources: mod_log_config of Apache and
// ngx_http_log_module of nginx, RFC 4180 for CSV, the W3C extended log file
// format, RFC 8259 for JSON, and logfmt as Heroku and go-kit write it.
//
// Fields carry short names (time, ip, path …); Schema renames them to those of
// OpenTelemetry or the Elastic Common Schema. A value that the log writes as -
// or leaves empty is no field. Bytes that are no UTF-8 become U+FFFD. Escapes
// that a log writer made, as \" or \x16 in an access log, stay as they are,
// because nothing in the line tells them from a backslash of the client.
package format

import (
	"errors"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

// Format is a kind of line. It is immutable and safe for concurrent use.
type Format interface {
	// Name is what the format is called on the command line.
	Name() string
	// New returns a parser for one worker.
	New() Parser
	// Fields are the names a record can have, in the order of output; nil where
	// the lines themselves name them.
	Fields() []string
}

// Parser reads lines of a format. It is not safe for concurrent use.
type Parser interface {
	// Parse makes r the record of line, which has no line end (a carriage
	// return is taken for one). The record refers to line and to a, so neither
	// may change while it is in use; Parse only appends to a. The error is a
	// *Mismatch where the line does not fit, record.ErrBlank for an empty line,
	// and ErrHeader for a line that says how to read others.
	Parse(line []byte, r *record.Record, a *record.Arena) error
}

// Sampled is a Format that finds out from its input how to read it: by the
// header of a CSV file, by the lines from which `access` is recognised. Its
// parsers find out as they go; Sample tells it beforehand, so that parsers beside
// each other agree. What they find depends on the lines and their order alone.
type Sampled interface {
	Format
	// Sample returns the format of the records behind head, which holds whole
	// records of the receiver's input. Called with one piece after the other, it
	// ends at the same format however the input is cut. The error is one of an
	// input that the format cannot read at all.
	Sample(head []byte) (Format, error)
	// Settled tells that nothing is left to find out: Sample gives the receiver.
	Settled() bool
}

// Framer is a Format whose records are not lines: quoted newlines in CSV.
type Framer interface {
	Format
	// Cut returns the length of the whole records at the head of data, 0 for
	// none. Data begins at a record.
	Cut(data []byte) int
	// Next returns the record at the head of data, without its line end, and
	// where the next one begins.
	Next(data []byte) (line []byte, next int)
	// Skip returns what reads over one record that is too long to be held. It is
	// given the record piece by piece and tells how much of a piece belongs to it,
	// whether it ends there, and what is wrong with it so far, "" for nothing.
	Skip() func(piece []byte) (n int, ended bool, fault string)
}

// ErrHeader is returned for a line that is part of the format and no record,
// such as the header of a second CSV file or a directive of a W3C log. It is no
// failure: such lines are left out.
var ErrHeader = errors.New("header line")

// Mismatch says where a line stops fitting its format.
type Mismatch struct {
	Column int    // 1-based, in bytes
	Want   string // what should stand there
	Format string // name of the format
	Note   string // what follows from it for the lines behind, or ""
}

func (m *Mismatch) Error() string {
	text := fmt.Sprintf("not %s: want %s at column %d", m.Format, m.Want, m.Column)
	if m.Note != "" {
		text += "; " + m.Note
	}
	return text
}

// Options are what a format may need to know beside its own text.
type Options struct {
	Zone   *time.Location // of times that name none; nil is UTC
	Fields []Field        // of delimited, csv and w3c lines
	Comma  string         // separates the values of delimited (default |) and csv (default ,) lines
	Header bool           // csv: the first record names the fields (so it does where Fields is empty)
	Types  []Field        // regex, logfmt: types of fields that are not text
}

// zone returns the zone of times that name none, nil for UTC.
func (o *Options) zone() *time.Location {
	if o.Zone == time.UTC {
		return nil
	}
	return o.Zone
}

// trimCR takes the carriage return of a CRLF line end off.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
