// Package jdbc is the channel that keeps its events in an SQL database. It takes
// the properties of Apache Flume's JDBC channel; the tables are its own, and
// where Flume embeds Derby, it embeds SQLite.
//
// # Promise
//
// A put that returned has been committed by the database; puts and takes that
// wait at the same time share a transaction, so that many sources cost no more
// syncs than one. In an SQLite file (write-ahead log, synchronous = FULL) that
// means synced to disk: it survives kill -9 and the loss of power. A server keeps
// what it has committed as its own settings promise. A take that returned from
// Commit is committed too and survives kill -9; it is not waited for until it is
// on disk where the database allows that (synchronous = NORMAL, synchronous_commit
// = off), so that a loss of power may bring the last takes again. A take that was
// open comes again, at the head.
//
// On a full disk puts wait: they leave 64 MiB beside an SQLite file free, without
// which takes could not be deleted, so that sinks empty the channel all the same.
// While the database is gone, puts and takes wait; the message names where it
// was. What the connection's end left open is looked up when there is a new one:
// a put is neither lost nor stored twice.
//
// # Tables
//
// An SQLite file holds one channel:
//
//	logpipe_event (id INTEGER PRIMARY KEY, headers BLOB, body BLOB)
//
// A server's database holds any number, by their names:
//
//	logpipe_event (channel, id, headers, body, PRIMARY KEY (channel, id))
//	logpipe_channel (channel PRIMARY KEY, owner)
//
// Ids ascend in the order of the puts. headers is, for each header, varint length
// and bytes of key and of value (the unsigned varint of encoding/binary).
//
// # Owner
//
// One agent has a channel at a time: SQLite's lock of the file, GET_LOCK of MySQL
// and an advisory lock of PostgreSQL see to that, and end with the connection.
// owner is a random word of the agent that had it last: one that finds another
// word when it is back reads anew what is there.
package jdbc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/flume"
)

// keepAlive is how long a put waits for room, as in the other channels; Flume's
// JDBC channel fails at once.
const keepAlive = 3 * time.Second

// mostBatch is the most events of one transaction; Flume has no limit here.
const mostBatch = 100_000

// Channel is the JDBC channel.
type Channel struct {
	settings
	batch     int // most events of a put or take
	keepAlive time.Duration
	env       flume.Env
	target    database.URL
	sql       *dialect
	owner     string
	open      func(context.Context, database.Config) (database.Conn, error)
	free      func() (int64, error) // bytes on the disk of an SQLite file

	ctx    context.Context // ends when the channel gives up
	giveUp context.CancelFunc
	writer *link
	reader *link // the writer itself where there is one connection
	ended  chan struct{}
	token  chan struct{} // held by the take that reads
	taking teller        // of whoever holds the token
	work   chan struct{} // wakes the writer
	counts counters

	removed int    // events since tidy was done; of the writer
	writing teller // of the writer

	mu       sync.Mutex
	queue    queue
	puts     []*request // in order
	deletes  []*request
	reserved int // events of puts that wait
	drained  bool
	closed   bool
	changes  flume.Changes // of room and events
}

// New describes and makes a JDBC channel.
func New(p *flume.Properties) flume.Channel {
	c := &Channel{open: database.Open, batch: mostBatch, keepAlive: keepAlive,
		token: make(chan struct{}, 1), work: make(chan struct{}, 1)}
	c.free = func() (int64, error) { return c.target.FreeSpace() }
	c.settings.describe(p)
	return c
}

// MaxBatch is the most events of a transaction.
func (c *Channel) MaxBatch() int {
	if c.capacity > 0 {
		return min(c.batch, c.capacity)
	}
	return c.batch
}

// Durable says that what is inside stays there when the agent ends.
func (c *Channel) Durable() bool { return true }

// Size is the number of events inside, as far as the database has told.
func (c *Channel) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.inside
}

var errClosed = errors.New("the channel is closed")

// Open connects. Where the server cannot be reached, the channel is open all the
// same, and waits for it; one that refuses is an error.
func (c *Channel) Open(env flume.Env) error {
	c.env = env
	if env.Logf == nil {
		c.env.Logf = func(string, ...any) {}
	}
	c.setCounters()
	if err := c.locate(env.Name); err != nil {
		return err
	}
	c.ctx, c.giveUp = context.WithCancel(context.Background())
	c.sql = newDialect(c.target.Kind, env.Name)
	c.writer = newLink(c.connect)
	c.reader = c.writer
	if c.target.Kind != database.SQLite && c.maxConnections > 1 {
		c.reader = newLink(func(ctx context.Context) (database.Conn, error) { return c.open(ctx, c.target.Config) })
	}
	err := c.connectFirst()
	if err != nil && !database.Lost(err) {
		c.giveUp()
		return flume.OfProperty(err, "driver.url")
	}
	if err != nil {
		c.counts.unhealthy.Store(true)
		c.writing.failed(c.env.Logf, "waits for the database", err)
	}
	c.ended = make(chan struct{})
	go c.write()
	return nil
}

// ownedLimit is how long the start waits for a channel that another agent has: a
// server sees a moment later that a process has ended.
const ownedLimit = 3 * time.Second

// connectFirst makes the first connection.
func (c *Channel) connectFirst() error {
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := c.writer.do(c.ctx, func(database.Conn) error { return nil })
		var owned ownedError
		if !errors.As(err, &owned) || time.Since(begin) > ownedLimit {
			return err
		}
	}
}

// closeLimit is how long the end of the channel waits for the database.
const closeLimit = 5 * time.Second

// Close commits the takes that are done and lets the database go. What takes have
// open comes again with the next start.
func (c *Channel) Close() error {
	c.mu.Lock()
	again := c.closed || c.ended == nil
	c.closed = true
	c.changes.Announce()
	c.mu.Unlock()
	if again {
		return nil
	}
	limit := time.AfterFunc(closeLimit, c.giveUp)
	defer limit.Stop()
	c.wake()
	<-c.ended
	c.token <- struct{}{} // a take that reads has ended
	err := c.writer.close()
	if c.reader != c.writer {
		err = errors.Join(err, c.reader.close())
	}
	c.giveUp()
	return err
}

// wake tells the writer that there is work.
func (c *Channel) wake() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// Put stores the batch and returns when the database has committed it.
func (c *Channel) Put(ctx context.Context, batch []flume.Event) error {
	c.counts.putAttempt.Add(int64(len(batch)))
	if len(batch) == 0 {
		return nil
	}
	if most := c.MaxBatch(); len(batch) > most {
		return fmt.Errorf("a batch of %d events exceeds the %d that one transaction may have", len(batch), most)
	}
	r := &request{events: append([]flume.Event(nil), batch...), done: make(chan error, 1)}
	if err := c.submit(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		c.withdraw(r)
		return ctx.Err()
	}
}

// submit waits for room and hands a put to the writer.
func (c *Channel) submit(ctx context.Context, r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var timeout <-chan time.Time // started when the first wait begins
	for {
		switch {
		case c.closed:
			return errClosed
		case c.fits(len(r.events)):
			c.reserved += len(r.events)
			c.puts = append(c.puts, r)
			c.wake()
			return nil
		case c.keepAlive == 0:
			return flume.ErrFull
		}
		if timeout == nil {
			timer := time.NewTimer(c.keepAlive)
			defer timer.Stop()
			timeout = timer.C
		}
		if err := c.changes.Wait(ctx, &c.mu, timeout); err != nil {
			return err
		}
	}
}

// withdraw takes back a put that nobody has begun.
func (c *Channel) withdraw(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.puts {
		if other == r && !r.begun {
			c.puts = append(c.puts[:i:i], c.puts[i+1:]...)
			c.reserved -= len(r.events)
			c.changes.Announce()
			return
		}
	}
}
