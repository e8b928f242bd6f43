package database

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// closed is a connection of the driver that only can be closed.
type closed struct {
	driver.Conn
	times int
}

func (c *closed) Close() error {
	c.times++
	return nil
}

// Some errors of a server say that it has ended the connection, the others are about
// the statement.
func TestMySQLErrors(t *testing.T) {
	for _, test := range []struct {
		number               uint16
		lost                 bool
		missing, large, full bool
	}{
		{number: 1053, lost: true}, // the server ends
		{number: 1927, lost: true}, // MariaDB: killed
		{number: 3169, lost: true}, // MySQL: killed
		{number: 4031, lost: true}, // MySQL 8: nothing came for wait_timeout
		{number: 1064},             // a mistake in the statement
		{number: 1146, missing: true},
		{number: 1153, large: true},
		{number: 1406, large: true},
		{number: 1114, full: true},
	} {
		conn := &closed{}
		m := &mysqlConn{conn: conn, address: "h:1"}
		err := m.failed(t.Context(), fmt.Errorf("exec: %w", &mysql.MySQLError{Number: test.number, Message: "told"}))
		if Lost(err) != test.lost || (m.broken != nil) != test.lost || (conn.times == 1) != test.lost {
			t.Errorf("%d: %v, closed %d times", test.number, err, conn.times)
		}
		var told *ServerError
		if !test.lost && (!errors.As(err, &told) || told.Missing != test.missing || told.Large != test.large || told.Full != test.full) {
			t.Errorf("%d: %+v", test.number, err)
		}
	}
}
