package jdbc

import (
	"context"
	"fmt"

	"github.com/logpipe/logpipe/pkg/database"
)

// What puts leave on the disk of an SQLite file. Deletes write too: into the log,
// which has up to 16 MiB and the changes of a group more, and from there into
// pages that the file may not have yet. Pages of the file that hold nothing count
// as well, but not for the log.
const (
	spareBytes = 64 << 20
	spareLog   = 32 << 20
)

// checkSpace holds puts back where they would take the last space from takes.
func (c *Channel) checkSpace(conn database.Conn, g *group) error {
	if c.sql.shared || len(g.puts) == 0 {
		return nil
	}
	free, err := c.free()
	if err != nil || free >= spareBytes {
		return nil // what the disk does not tell, it tells by errors
	}
	pages, err := c.sql.spare(c.ctx, conn)
	if err != nil || free >= spareLog && free+pages*pageBytes >= spareBytes {
		return err
	}
	return &database.ServerError{Full: true, Message: fmt.Sprintf("the disk of %s has %d MiB left, and puts leave %d MiB, by which takes can be deleted",
		c.target.Path, free>>20, spareBytes>>20)}
}

// tidyEvents is how many takes go by until it is looked whether the file of an
// empty channel is larger than it need be.
const tidyEvents = 10_000

// tidy gives a piece of an empty file back to the disk while there is nothing
// else to do; more tells that there is a next one.
func (c *Channel) tidy() (more bool) {
	if c.removed < tidyEvents || c.sql.shared || c.Size() > 0 || c.over() {
		return false
	}
	err := c.writer.do(c.ctx, func(conn database.Conn) (err error) {
		more, err = c.sql.shrink(c.ctx, conn)
		return err
	})
	if err != nil || !more { // the next attempt comes with the next takes
		c.removed = 0
		return false
	}
	return true
}

// What a file may have to spare, and what is given back at a time, in pages.
const (
	sparePages  = 4096
	shrinkPages = 5000
	pageBytes   = 4096 // SQLite's default
)

// spare is the number of pages of SQLite's file that hold nothing.
func (d *dialect) spare(ctx context.Context, conn database.Conn) (pages int64, err error) {
	err = conn.Query(ctx, func(v []any) error {
		pages = number(v[0])
		return nil
	}, "PRAGMA freelist_count")
	return pages, err
}

// shrink gives pages of SQLite's file back that hold nothing; more tells that
// there are others.
func (d *dialect) shrink(ctx context.Context, conn database.Conn) (more bool, err error) {
	spare, err := d.spare(ctx, conn)
	if err != nil || spare < sparePages {
		return false, err
	}
	nothing := func([]any) error { return nil }
	if err := conn.Query(ctx, nothing, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkPages)); err != nil {
		return false, err
	}
	if spare-shrinkPages >= sparePages {
		return true, nil
	}
	return false, conn.Query(ctx, nothing, "PRAGMA wal_checkpoint(TRUNCATE)")
}
