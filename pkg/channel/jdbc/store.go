package jdbc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// dialect is what the channel says to one kind of database.
type dialect struct {
	channel string
	shared  bool // the tables hold many channels
	create  []string
	lazy    []string // begin a transaction whose loss a loss of power may cost
	firm    []string // begin one whose commit lasts
	lock    string   // a query whose one value is 1 where this connection has the channel
	lockArg any
}

// The tables.
const (
	eventTable   = "logpipe_event"
	channelTable = "logpipe_channel"
)

func newDialect(kind database.Kind, channel string) *dialect {
	d := &dialect{channel: channel, shared: kind != database.SQLite, firm: []string{"BEGIN"}, lazy: []string{"BEGIN"}}
	name := sha256.Sum256([]byte("logpipe jdbc channel " + channel))
	switch kind {
	case database.SQLite:
		d.create = []string{"CREATE TABLE IF NOT EXISTS " + eventTable + " (id INTEGER PRIMARY KEY, headers BLOB NOT NULL, body BLOB NOT NULL)"}
		d.lazy = []string{"PRAGMA synchronous = NORMAL", "BEGIN"}
		d.firm = []string{"PRAGMA synchronous = FULL", "BEGIN"}
	case database.PostgreSQL:
		d.create = tables("varchar(255)", "bytea", "")
		d.lazy = []string{"BEGIN", "SET LOCAL synchronous_commit = off"}
		d.lock, d.lockArg = "SELECT pg_try_advisory_lock(?)", int64(binary.BigEndian.Uint64(name[:8]))
	case database.MySQL:
		d.create = tables("varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "longblob", " ENGINE = InnoDB")
		d.lock, d.lockArg = "SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 20), ?), 0)", " logpipe "+hex.EncodeToString(name[:16])
	}
	return d
}

// tables are the tables of a server.
func tables(name, bytes, end string) []string {
	return []string{
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (channel %s NOT NULL, id bigint NOT NULL, headers %s NOT NULL, body %[3]s NOT NULL, PRIMARY KEY (channel, id))%s",
			eventTable, name, bytes, end),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (channel %s NOT NULL PRIMARY KEY, owner varchar(32) NOT NULL)%s", channelTable, name, end),
	}
}

// where names the events of the channel with a condition; of are its arguments.
func (d *dialect) where(condition string, of ...any) (string, []any) {
	if !d.shared {
		return " WHERE " + condition, of
	}
	return " WHERE channel = ? AND " + condition, append([]any{d.channel}, of...)
}

// begin begins a transaction; firm is for what has to last.
func (d *dialect) begin(ctx context.Context, conn database.Conn, firm bool) error {
	list := d.lazy
	if firm {
		list = d.firm
	}
	for _, text := range list {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// countStep is how many events are counted in one query, so that none takes long.
const countStep = 500_000

// count tells how many events there are, and their first and last ids.
func (d *dialect) count(ctx context.Context, conn database.Conn) (events, first, last int64, err error) {
	where, args := d.where("id > ?", int64(0))
	err = conn.Query(ctx, func(v []any) error {
		first, last = number(v[0]), number(v[1])
		return nil
	}, "SELECT min(id), max(id) FROM "+eventTable+where, args...)
	for at := first - 1; err == nil && at < last; {
		n, end := int64(0), int64(0)
		where, args := d.where("id > ? ORDER BY id LIMIT ?", at, int64(countStep))
		err = conn.Query(ctx, func(v []any) error {
			n, end = number(v[0]), number(v[1])
			return nil
		}, "SELECT count(*), max(id) FROM (SELECT id FROM "+eventTable+where+") AS part", args...)
		if n == 0 {
			break
		}
		events += n
		at = end
	}
	return events, first, last, err
}

// has reports whether an event is there.
func (d *dialect) has(ctx context.Context, conn database.Conn, id int64) (found bool, err error) {
	where, args := d.where("id = ?", id)
	err = conn.Query(ctx, func([]any) error {
		found = true
		return nil
	}, "SELECT id FROM "+eventTable+where, args...)
	return found, err
}

// add inserts events from an id on.
func (d *dialect) add(ctx context.Context, conn database.Conn, first int64, events []flume.Event) error {
	columns := []string{"id", "headers", "body"}
	if d.shared {
		columns = append(columns, "channel")
	}
	return conn.Insert(ctx, eventTable, columns, len(events), func(i int, to []any) {
		to[0], to[1], to[2] = first+int64(i), encodeHeaders(events[i].Headers), events[i].Body
		if d.shared {
			to[3] = d.channel
		}
	})
}

// remove deletes the events of a take.
func (d *dialect) remove(ctx context.Context, conn database.Conn, s span) error {
	where, args := d.where("id BETWEEN ? AND ?", s.from, s.to)
	_, err := conn.Exec(ctx, "DELETE FROM "+eventTable+where, args...)
	return err
}

var errEnough = errors.New("enough")

// read reads the first events of a span; whole tells that there are no more.
func (d *dialect) read(ctx context.Context, conn database.Conn, s span, max int) (events []flume.Event, taken span, whole bool, err error) {
	where, args := d.where("id BETWEEN ? AND ? ORDER BY id LIMIT ?", s.from, s.to, int64(max))
	bytes := 0
	taken.from = s.from
	err = conn.Query(ctx, func(v []any) error {
		if bytes >= takeBytes {
			return errEnough
		}
		headers, body := data(v[1]), data(v[2])
		h, err := decodeHeaders(headers)
		if err != nil {
			return fmt.Errorf("event %d of channel %s in table %s: %w", number(v[0]), d.channel, eventTable, err)
		}
		bytes += len(headers) + len(body)
		events = append(events, flume.Event{Headers: h, Body: body})
		taken.to = number(v[0])
		return nil
	}, "SELECT id, headers, body FROM "+eventTable+where, args...)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, span{}, false, err
	}
	taken.events = len(events)
	return events, taken, err == nil && len(events) < max, nil
}

// number and data are values of results; MySQL's protocol has numbers as text
// where it likes.
func number(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case []byte:
		var i int64
		fmt.Sscan(string(n), &i)
		return i
	}
	return 0
}

func data(v any) []byte {
	b, _ := v.([]byte)
	return b
}

func text(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	s, _ := v.(string)
	return s
}

// connect makes the connection that changes the database: it has the channel to
// itself, and its tables are there.
func (c *Channel) connect(ctx context.Context) (database.Conn, error) {
	if c.target.Kind == database.SQLite {
		if err := os.MkdirAll(filepath.Dir(c.target.Path), 0o777); err != nil {
			return nil, err
		}
	}
	conn, err := c.open(ctx, c.target.Config)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c *Channel) prepare(ctx context.Context, conn database.Conn) error {
	_, _, _, err := c.sql.count(ctx, conn)
	var told *database.ServerError
	if errors.As(err, &told) && told.Missing && !database.Lost(err) {
		err = c.makeTables(ctx, conn)
	}
	if err != nil {
		return err
	}
	fresh := true
	if c.sql.shared {
		if err := c.sql.take(ctx, conn); err != nil {
			return err
		}
		if fresh, err = c.claim(ctx, conn); err != nil {
			return err
		}
	}
	c.mu.Lock()
	known, low := c.queue.loaded && (!fresh || !c.sql.shared), c.queue.low()
	c.mu.Unlock()
	if known {
		// A server that was killed may have forgotten the last takes.
		return c.sql.remove(ctx, conn, span{1, low - 1, 0})
	}
	events, first, last, err := c.sql.count(ctx, conn)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.queue.load(events, first, last)
	c.changes.Announce()
	c.mu.Unlock()
	if events > 0 {
		c.env.Logf("%d events of earlier runs are inside", events)
	}
	return nil
}

// makeTables makes the tables, or tells how.
func (c *Channel) makeTables(ctx context.Context, conn database.Conn) error {
	if !c.createSchema {
		return fault.Hint(fmt.Errorf("%s has no table %s, and create.schema is false", c.target.String(), eventTable),
			"run this in the database, or set create.schema = true: %s", strings.Join(c.sql.create, "; "))
	}
	for _, text := range c.sql.create {
		_, err := conn.Exec(ctx, text)
		var told *database.ServerError
		if errors.As(err, &told) {
			// Two agents that make them at once trip over each other in PostgreSQL.
			_, err = conn.Exec(ctx, text)
		}
		if err != nil {
			return fmt.Errorf("make the tables: %w", err)
		}
	}
	return nil
}

// ownedError is a channel that another agent has.
type ownedError struct{ error }

func (e ownedError) Unwrap() error { return e.error }

// take locks the channel for this connection.
func (d *dialect) take(ctx context.Context, conn database.Conn) error {
	had := false
	err := conn.Query(ctx, func(v []any) error {
		had = number(v[0]) == 1
		return nil
	}, d.lock, d.lockArg)
	if err == nil && !had {
		err = ownedError{fault.Hint(fmt.Errorf("channel %s of this database is in use by another agent", d.channel),
			"give the channel another name, or a database of its own (driver.url), or stop the other agent")}
	}
	return err
}

// claim writes into the database who has the channel now; fresh tells that it was
// not this agent before.
func (c *Channel) claim(ctx context.Context, conn database.Conn) (fresh bool, err error) {
	owner, found := "", false
	err = conn.Query(ctx, func(v []any) error {
		owner, found = text(v[0]), true
		return nil
	}, "SELECT owner FROM "+channelTable+" WHERE channel = ?", c.sql.channel)
	if err != nil || found && owner == c.owner {
		return false, err
	}
	if c.owner == "" {
		var b [15]byte
		if _, err := rand.Read(b[:]); err != nil {
			return false, err
		}
		c.owner = hex.EncodeToString(b[:])
	}
	change := "UPDATE " + channelTable + " SET owner = ? WHERE channel = ?"
	if !found {
		change = "INSERT INTO " + channelTable + " (owner, channel) VALUES (?, ?)"
	}
	_, err = conn.Exec(ctx, change, c.owner, c.sql.channel)
	return true, err
}

// encodeHeaders writes headers as they stand in the table.
func encodeHeaders(h flume.Headers) []byte {
	size := 0
	for i := range h {
		size += len(h[i].Key) + len(h[i].Value) + 4
	}
	b := make([]byte, 0, size)
	for i := range h {
		b = binary.AppendUvarint(b, uint64(len(h[i].Key)))
		b = append(b, h[i].Key...)
		b = binary.AppendUvarint(b, uint64(len(h[i].Value)))
		b = append(b, h[i].Value...)
	}
	return b
}

var errHeaders = errors.New("the headers are not what a JDBC channel writes")

// decodeHeaders reads what encodeHeaders wrote.
func decodeHeaders(b []byte) (flume.Headers, error) {
	var h flume.Headers
	for len(b) > 0 {
		var pair [2]string
		for i := range pair {
			n, size := binary.Uvarint(b)
			if size <= 0 || n > uint64(len(b)-size) {
				return nil, errHeaders
			}
			pair[i] = string(b[size : size+int(n)])
			b = b[size+int(n):]
		}
		h = append(h, flume.Header{Key: pair[0], Value: pair[1]})
	}
	return h, nil
}
