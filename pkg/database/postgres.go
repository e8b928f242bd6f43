package database

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Types of PostgreSQL by their numbers.
const (
	pgBool  = 16
	pgBytes = 17
	pgInt8  = 20
	pgInt2  = 21
	pgInt4  = 23
)

// pgBinary asks for values as the server has them, not as text.
const pgBinary = 1

// postgres speaks the protocol of PostgreSQL 3.0, extended queries only.
type postgres struct {
	raw        net.Conn
	front      *pgproto3.Frontend
	address    string
	most       int // bytes of a message
	timeout    time.Duration
	statements map[string]*pgStatement
	broken     error // the connection is no more
}

// pgStatement is a prepared statement.
type pgStatement struct {
	name    string
	types   []uint32 // of the arguments
	columns []uint32 // types of the result
}

// begin bounds what follows by ctx and by the server's silence; the result ends
// that.
func (p *postgres) begin(ctx context.Context) (end func(), err error) {
	if p.broken != nil {
		return nil, p.broken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.alive()
	stop := context.AfterFunc(ctx, func() { p.raw.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }, nil
}

// alive gives the server its time again.
func (p *postgres) alive() { p.raw.SetDeadline(time.Now().Add(p.timeout)) }

// fail is the end of the connection.
func (p *postgres) fail(err error) error {
	var net net.Error
	if errors.As(err, &net) && net.Timeout() {
		err = fmt.Errorf("no answer within %v", p.timeout)
	}
	p.broken = lost(PostgreSQL, p.address, err)
	p.raw.Close()
	return p.broken
}

// answer is what a server answered an error with; fatal ones end the connection.
func (p *postgres) answer(e *pgproto3.ErrorResponse) error {
	err := pgError(e)
	if e.Severity == "FATAL" || e.Severity == "PANIC" || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" {
		return p.fail(err)
	}
	return err
}

func pgError(e *pgproto3.ErrorResponse) *ServerError {
	return &ServerError{Code: e.Code, Message: e.Message, Detail: e.Detail,
		Missing: e.Code == "42P01", Large: strings.HasPrefix(e.Code, "54") || e.Code == "22001",
		Full: e.Code == "53100"}
}

// receive reads until the server is ready again, and calls each for what comes;
// the first error of the server is the result.
func (p *postgres) receive(each func(pgproto3.BackendMessage) error) error {
	var told error
	for {
		message, err := p.front.Receive()
		if err != nil {
			return p.fail(err)
		}
		switch m := message.(type) {
		case *pgproto3.ReadyForQuery:
			return told
		case *pgproto3.ErrorResponse:
			err = p.answer(m)
			if p.broken != nil {
				return err
			}
		default:
			if each != nil && told == nil {
				err = each(message)
			}
		}
		if told == nil {
			told = err
		}
	}
}

// flush sends what was written.
func (p *postgres) flush() error {
	if err := p.front.Flush(); err != nil {
		return p.fail(err)
	}
	return nil
}

// statement finds or makes a prepared statement.
func (p *postgres) statement(query string) (*pgStatement, error) {
	if st := p.statements[query]; st != nil {
		return st, nil
	}
	st := &pgStatement{name: "s" + strconv.Itoa(len(p.statements))}
	p.front.SendParse(&pgproto3.Parse{Name: st.name, Query: numbered(query)})
	p.front.SendDescribe(&pgproto3.Describe{ObjectType: 'S', Name: st.name})
	p.front.SendSync(&pgproto3.Sync{})
	if err := p.flush(); err != nil {
		return nil, err
	}
	err := p.receive(func(m pgproto3.BackendMessage) error {
		switch m := m.(type) {
		case *pgproto3.ParameterDescription:
			st.types = append(st.types, m.ParameterOIDs...)
		case *pgproto3.RowDescription:
			for _, f := range m.Fields {
				st.columns = append(st.columns, f.DataTypeOID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.statements[query] = st
	return st, nil
}

// numbered writes $1, $2 … for the question marks outside of quotes.
func numbered(query string) string {
	var b strings.Builder
	n, quote := 0, rune(0)
	for _, r := range query {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '?':
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// send writes one run of a statement.
func (p *postgres) send(st *pgStatement, args []any) error {
	if len(args) != len(st.types) {
		return fmt.Errorf("%d arguments for a statement of %d", len(args), len(st.types))
	}
	bind := &pgproto3.Bind{PreparedStatement: st.name, ParameterFormatCodes: []int16{pgBinary}, ResultFormatCodes: []int16{pgBinary}}
	for i, arg := range args {
		value, err := pgValue(arg, st.types[i])
		if err != nil {
			return err
		}
		bind.Parameters = append(bind.Parameters, value)
	}
	p.front.SendBind(bind)
	p.front.SendExecute(&pgproto3.Execute{})
	return nil
}

// pgValue is an argument as PostgreSQL has it.
func pgValue(arg any, oid uint32) ([]byte, error) {
	switch v := arg.(type) {
	case nil:
		return nil, nil
	case []byte:
		if v == nil {
			v = []byte{}
		}
		return v, nil
	case string:
		return []byte(v), nil
	case int64:
		switch oid {
		case pgInt8:
			return binary.BigEndian.AppendUint64(nil, uint64(v)), nil
		case pgInt4:
			return binary.BigEndian.AppendUint32(nil, uint32(v)), nil
		case pgInt2:
			return binary.BigEndian.AppendUint16(nil, uint16(v)), nil
		}
	}
	return nil, fmt.Errorf("an argument of type %T for PostgreSQL's type %d", arg, oid)
}

// pgResult reads a value of a result.
func pgResult(b []byte, oid uint32) (any, error) {
	switch {
	case b == nil:
		return nil, nil
	case oid == pgBytes:
		return append([]byte{}, b...), nil
	case oid == pgInt8 && len(b) == 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	case oid == pgInt4 && len(b) == 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case oid == pgInt2 && len(b) == 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case oid == pgBool && len(b) == 1:
		return int64(b[0]), nil
	case oid == pgInt8 || oid == pgInt4 || oid == pgInt2 || oid == pgBool:
		return nil, fmt.Errorf("a value of %d bytes of PostgreSQL's type %d", len(b), oid)
	}
	return string(b), nil
}

func (p *postgres) run(ctx context.Context, row func([]any) error, query string, args []any) (changed int64, err error) {
	end, err := p.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	st, err := p.statement(query)
	if err != nil {
		return 0, err
	}
	if err := p.send(st, args); err != nil {
		return 0, err
	}
	p.front.SendSync(&pgproto3.Sync{})
	if err := p.flush(); err != nil {
		return 0, err
	}
	values := make([]any, len(st.columns))
	err = p.receive(func(m pgproto3.BackendMessage) error {
		switch m := m.(type) {
		case *pgproto3.DataRow:
			if row == nil || len(m.Values) != len(values) {
				return nil
			}
			for i, b := range m.Values {
				if values[i], err = pgResult(b, st.columns[i]); err != nil {
					return err
				}
			}
			return row(values)
		case *pgproto3.CommandComplete:
			_, count, _ := strings.Cut(string(m.CommandTag), " ")
			if changed, err = strconv.ParseInt(count, 10, 64); err != nil {
				changed = 0 // a command that counts nothing
			}
		}
		return nil
	})
	return changed, err
}

func (p *postgres) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return p.run(ctx, nil, query, args)
}

func (p *postgres) Query(ctx context.Context, row func([]any) error, query string, args ...any) error {
	_, err := p.run(ctx, row, query, args)
	return err
}

// What is sent before the answers are read: answers that nobody reads would stop
// the server, which then reads nothing.
const (
	pgRows       = 500
	pgBytesAhead = 1 << 20
)

// Insert sends the rows without waiting for an answer to each.
func (p *postgres) Insert(ctx context.Context, table string, columns []string, rows int, value func(int, []any)) error {
	end, err := p.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	st, err := p.statement(insertInto(table, columns) + marks(len(columns)))
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := 0; i < rows; {
		for n, size := 0, 0; i < rows && n < pgRows && size < pgBytesAhead; n++ {
			value(i, values)
			if err := p.send(st, values); err != nil {
				return err
			}
			for _, v := range values {
				if b, ok := v.([]byte); ok {
					size += len(b)
				}
			}
			i++
		}
		p.front.SendSync(&pgproto3.Sync{})
		if err := p.flush(); err != nil {
			return err
		}
		if err := p.receive(nil); err != nil {
			return err
		}
		p.alive()
	}
	return nil
}

func (p *postgres) Close() error {
	if p.broken != nil {
		return nil
	}
	p.broken = lost(PostgreSQL, p.address, net.ErrClosed)
	p.alive()
	p.front.Send(&pgproto3.Terminate{})
	// The server does the same where the farewell does not reach it.
	_ = p.front.Flush()
	return p.raw.Close()
}
