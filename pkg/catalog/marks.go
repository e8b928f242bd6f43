package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// markEnd is the end of a pipe whose stream has marks: it commits them, for the
// group that has read the records, once the records before them are where they
// belong.
type markEnd struct {
	config kafka.Config
	log    *slog.Logger

	committer *kafka.Committer
	brokers   string          // that it talks to
	waiting   *stream.Control // a mark that could not be committed: its cluster is away
	last      *stream.Control // the last mark that came
	stale     int64           // marks of members that were no longer in their group
}

// commitPause is how long a commit may take before it is left to the next mark.
const commitPause = 10 * time.Second

// Control implements stream.ControlSink; everything before c is done.
func (e *markEnd) Control(c *stream.Control) error {
	switch c.Kind {
	case stream.ControlReset:
		e.waiting = nil // its records come again
	case stream.ControlMark:
		e.last = c
		if c.Group == "" {
			return nil
		}
		return e.commit(c, commitPause)
	}
	return nil
}

func (e *markEnd) commit(c *stream.Control, patience time.Duration) error {
	if brokers := strings.Join(c.Brokers, ","); e.committer == nil || brokers != e.brokers {
		if err := e.close(); err != nil {
			return err
		}
		cfg := e.config
		cfg.Brokers = c.Brokers
		e.committer, e.brokers = kafka.NewCommitter(cfg), brokers
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := e.committer.Commit(ctx, kafkaMark(c))
	switch {
	case err == nil:
		e.waiting = nil
	case errors.Is(err, kafka.ErrRevoked):
		e.stale++
		e.log.Debug("not committed: the group has moved on", "group", c.Group, "generation", c.Generation, "epoch", c.Epoch)
	case fault.CodeOf(err) == fault.Unreachable || ctx.Err() != nil:
		e.waiting = c // the next mark says more
		e.log.Debug("not committed yet", "reason", err)
	default:
		return err
	}
	return nil
}

func kafkaMark(c *stream.Control) kafka.Mark {
	return kafka.Mark{Group: c.Group, Member: c.Member, Instance: c.Instance, Generation: c.Generation, Epoch: c.Epoch, Offsets: c.Offsets}
}

// finish commits what could not be committed before.
func (e *markEnd) finish() error {
	var err error
	if c := e.waiting; c != nil {
		if err = e.commit(c, commitPause); err == nil && e.waiting != nil {
			err = fault.Unreachablef("the last mark was not committed to group %q: its records are read again", c.Group)
		}
	}
	return errors.Join(err, e.close())
}

func (e *markEnd) close() error {
	if e.committer == nil {
		return nil
	}
	err := e.committer.Close()
	e.committer = nil
	return err
}

// Ledger implements Ledgered.
func (e *markEnd) Ledger() (text string, whole bool) {
	if e.last == nil {
		return "", true
	}
	return ledgerText(e.last.Ledger)
}

// ledgerText is the sum of a pipe: the records of each command, and where one has
// read another number than the one before it has written.
func ledgerText(list []stream.Counts) (text string, whole bool) {
	var b, odd strings.Builder
	whole = true
	for i, n := range list {
		if i > 0 {
			b.WriteString("; ")
			if before := list[i-1]; before.Out != n.In {
				whole = false
				fmt.Fprintf(&odd, "; %s", lostBetween(before, n))
			}
		}
		fmt.Fprintf(&b, "%s in %d out %d", n.Stage, n.In, n.Out)
		for _, part := range []struct {
			name string
			n    int64
		}{{"rejected", n.Rejected}, {"late", n.Late}, {"left out", n.Dropped}, {"in rows", n.Folded}, {"open", n.Open}} {
			if part.n > 0 {
				fmt.Fprintf(&b, " %s %d", part.name, part.n)
			}
		}
	}
	return b.String() + odd.String(), whole
}

func lostBetween(before, n stream.Counts) string {
	if n.In < before.Out {
		return fmt.Sprintf("%d records that %s wrote did not come to %s", before.Out-n.In, before.Stage, n.Stage)
	}
	return fmt.Sprintf("%s read %d records that %s did not write", n.Stage, n.In-before.Out, before.Stage)
}
