package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlConn uses the driver without database/sql, whose pool would not keep what
// belongs to one connection, such as a lock.
type mysqlConn struct {
	conn    driver.Conn
	address string
	most    int // bytes of a packet that the server takes
	broken  error
}

func openMySQL(ctx context.Context, c Config, address string) (Conn, error) {
	settings := mysql.NewConfig()
	settings.User, settings.Passwd, settings.DBName = c.User, c.Password, c.Database
	settings.Net, settings.Addr = "tcp", address
	settings.Timeout, settings.ReadTimeout, settings.WriteTimeout = c.timeout(), c.timeout(), c.timeout()
	settings.MaxAllowedPacket = 0     // what the server has
	settings.InterpolateParams = true // one way to the server and back for a statement
	settings.AllowNativePasswords = true
	settings.ConnectionAttributes = "program_name:logpipe"
	settings.Logger = &mysql.NopLogger{}
	if c.TLS != Plain {
		var err error
		if settings.TLS, err = c.tls(address); err != nil {
			return nil, err
		}
		settings.AllowFallbackToPlaintext = c.TLS == Prefer
	}
	settings.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, MySQL, address) }
	connector, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, err
	}
	m := &mysqlConn{address: address}
	if m.conn, err = connector.Connect(ctx); err != nil {
		return nil, m.refused(ctx, err)
	}
	if err := m.limit(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if c.Isolation != "" { // the variable has two names, by version
		if _, err := m.Exec(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL "+c.Isolation); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// limit asks for the longest packet, which the driver knows and does not tell.
func (m *mysqlConn) limit(ctx context.Context) error {
	return m.Query(ctx, func(v []any) error {
		switch n := v[0].(type) {
		case int64:
			m.most = int(n)
		case uint64:
			m.most = int(n)
		case []byte:
			if n, err := strconv.Atoi(string(n)); err == nil {
				m.most = n
			}
		}
		return nil
	}, "SELECT @@max_allowed_packet")
}

// refused tells a server that one may try again from one that does not want this
// client.
func (m *mysqlConn) refused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var told *mysql.MySQLError
	const tooMany, shutdown, userTooMany = 1040, 1053, 1203
	switch {
	case Lost(err):
		return err
	case !errors.As(err, &told):
		return lost(MySQL, m.address, err)
	case told.Number == tooMany || told.Number == shutdown || told.Number == userTooMany:
		return lost(MySQL, m.address, mysqlError(told))
	}
	return fmt.Errorf("MySQL at %s: %w", m.address, mysqlError(told))
}

func mysqlError(e *mysql.MySQLError) *ServerError {
	const noTable, tooLarge, longData, diskFull, tableFull = 1146, 1153, 1406, 1021, 1114
	return &ServerError{Code: fmt.Sprint(e.Number), Message: e.Message, Missing: e.Number == noTable,
		Large: e.Number == tooLarge || e.Number == longData, Full: e.Number == diskFull || e.Number == tableFull}
}

// failed is what an error of the driver means; one that the server did not send
// is the end of the connection.
func (m *mysqlConn) failed(ctx context.Context, err error) error {
	var told *mysql.MySQLError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		// The server says why it ends the connection. MySQL 8 also does where the
		// client was quiet for longer than wait_timeout, which is 8 hours.
		const shutdown, killed, sessionKilled, idle = 1053, 1927, 3169, 4031
		if !slices.Contains([]uint16{shutdown, killed, sessionKilled, idle}, told.Number) {
			return mysqlError(told)
		}
	case errors.Is(err, mysql.ErrPktTooLarge):
		return &ServerError{Message: "the statement is larger than the server's max_allowed_packet", Large: true}
	case errors.Is(err, driver.ErrBadConn):
		err = errors.New("the connection is gone")
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	m.broken = lost(MySQL, m.address, err)
	m.conn.Close()
	return m.broken
}

func named(args []any) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		if b, ok := arg.([]byte); ok && b == nil {
			arg = []byte{} // not NULL
		}
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return list
}

func (m *mysqlConn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if m.broken != nil {
		return 0, m.broken
	}
	e, ok := m.conn.(driver.ExecerContext)
	if !ok {
		return 0, errors.New("the MySQL driver has no ExecContext")
	}
	result, err := e.ExecContext(ctx, query, named(args))
	if errors.Is(err, driver.ErrSkip) {
		result, err = m.prepared(ctx, query, args)
	}
	if err != nil {
		return 0, m.failed(ctx, err)
	}
	return result.RowsAffected()
}

// prepared runs a statement whose text with its arguments is longer than a packet
// of the server: as a prepared one, the arguments go by themselves.
func (m *mysqlConn) prepared(ctx context.Context, query string, args []any) (driver.Result, error) {
	size := 1024 // for what is around them
	for _, arg := range args {
		if b, ok := arg.([]byte); ok {
			size += len(b)
		}
	}
	if size > m.most {
		return nil, mysql.ErrPktTooLarge
	}
	p, ok := m.conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the MySQL driver has no PrepareContext")
	}
	st, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	e, ok := st.(driver.StmtExecContext)
	if !ok {
		return nil, errors.Join(errors.New("the MySQL driver has no ExecContext"), st.Close())
	}
	result, err := e.ExecContext(ctx, named(args))
	return result, errors.Join(err, st.Close())
}

func (m *mysqlConn) Query(ctx context.Context, row func([]any) error, query string, args ...any) (err error) {
	if m.broken != nil {
		return m.broken
	}
	q, ok := m.conn.(driver.QueryerContext)
	if !ok {
		return errors.New("the MySQL driver has no QueryContext")
	}
	rows, err := q.QueryContext(ctx, query, named(args))
	if err != nil {
		return m.failed(ctx, err)
	}
	defer func() { err = errors.Join(err, m.failed(ctx, rows.Close())) }()
	values := make([]driver.Value, len(rows.Columns()))
	to := make([]any, len(values))
	for {
		if err := rows.Next(values); err != nil {
			if err == io.EOF {
				return nil
			}
			return m.failed(ctx, err)
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = append([]byte{}, b...)
			}
			to[i] = v
		}
		if err := row(to); err != nil {
			return err
		}
	}
}

// What one statement of MySQL carries: well below the least max_allowed_packet,
// apart from a single row.
const (
	mysqlRows  = 500
	mysqlBytes = 512 << 10
)

func (m *mysqlConn) Insert(ctx context.Context, table string, columns []string, rows int, value func(int, []any)) error {
	head, one := insertInto(table, columns), marks(len(columns))
	for i := 0; i < rows; {
		var args []any
		n, size := 0, 0
		for ; i < rows && n < mysqlRows && size < mysqlBytes; n++ {
			args = append(args, make([]any, len(columns))...)
			row := args[len(args)-len(columns):]
			value(i, row)
			for _, v := range row {
				if b, ok := v.([]byte); ok {
					size += len(b)
				}
			}
			i++
		}
		if _, err := m.Exec(ctx, head+strings.Repeat(one+", ", n-1)+one, args...); err != nil {
			return err
		}
	}
	return nil
}

func (m *mysqlConn) Close() error {
	if m.broken != nil {
		return nil
	}
	m.broken = lost(MySQL, m.address, net.ErrClosed)
	return m.conn.Close()
}
