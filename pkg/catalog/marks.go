package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// markEnd is the end of a pipe whose stream has marks: it commits them, for the
// group that has read the records, once the records before them are where they
// belong.
type markEnd struct {
	config kafka.Config // of the own cluster
	source string       // the file of --source-config
	log    *slog.Logger

	name     string // of the command; "" = it has no flags for this
	opened   bool   // the stream has marks
	unmarked int64  // records that came before its first mark
	behind   int64  // records that came behind its last one, which covers all

	committer *kafka.Committer
	waiting   *stream.Control // a mark that could not be committed: its cluster is away
	reason    error           // why
	told      bool            // it was
	reached   bool            // a mark was committed
	last      *stream.Control // the last mark that came
	bounced   *stream.Control // the last mark, where its group refused it: the reader was no member any more
	stale     int64           // marks that were refused since the last one that was committed
}

// commitPause is how long a commit may take before it is left to the next mark.
const commitPause = 10 * time.Second

// Control implements stream.ControlSink; everything before c is done.
func (e *markEnd) Control(c *stream.Control) error {
	switch c.Kind {
	case stream.ControlOpen:
		e.opened = true
	case stream.ControlReset:
		e.waiting = nil // its records come again
		e.tellStale()
	case stream.ControlMark:
		e.last = c
		if c.Group == "" {
			return nil
		}
		if err := anonymous(c); err != nil {
			return err
		}
		return e.commit(c, commitPause)
	}
	return nil
}

func (e *markEnd) commit(c *stream.Control, patience time.Duration) error {
	if e.committer == nil {
		e.committer = kafka.NewCommitter(e.config, e.source)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := e.committer.Commit(ctx, kafkaMark(c))
	switch {
	case err == nil:
		e.waiting, e.told, e.reached = nil, false, true
		e.tellStale()
	case errors.Is(err, kafka.ErrRevoked):
		e.refuse(c)
	case fault.CodeOf(err) == fault.Unreachable || ctx.Err() != nil:
		e.wait(c, err) // the next mark says more
	default:
		return e.uncommitted(c, err)
	}
	return nil
}

// wait leaves c to the next mark. Where that is not the first one in a row, it is told.
func (e *markEnd) wait(c *stream.Control, reason error) {
	if errors.Is(reason, context.DeadlineExceeded) {
		reason = fmt.Errorf("no answer from %s within %s", strings.Join(c.Brokers, ","), option.FormatDuration(commitPause))
	}
	if e.waiting != nil && e.waiting != c && !e.told {
		e.told = true
		e.log.Warn("marks are not committed yet", "group", c.Group, "reason", reason)
	}
	e.waiting, e.reason = c, reason
	e.log.Debug("not committed yet", "reason", reason)
}

// uncommitted says why c was not committed. The flags that reason may hint at are for
// the own cluster.
func (e *markEnd) uncommitted(c *stream.Control, reason error) error {
	err := fault.With(fault.CodeOf(reason), fmt.Errorf("the last mark was not committed to group %q: its records are read again: %w", c.Group, reason))
	switch {
	case e.reached: // how the cluster is spoken to is right
	case e.source != "":
		return fault.Hint(err, "%s says how the cluster of the marks is spoken to", e.source)
	case e.name != "":
		return fault.Hint(err, "--source-config FILE says how the cluster of the marks is spoken to, where it is not that of -b")
	}
	return err
}

// anonymous refuses a mark that names no member of its group: without one a commit is
// taken from anybody, and a line of a topic that looks like a mark could make it.
func anonymous(c *stream.Control) error {
	if c.Group == "" {
		return errNoGroup
	}
	if c.Member != "" && c.Generation > 0 {
		return nil
	}
	return fault.Hint(fmt.Errorf("a mark for group %q names no member and generation of it: it is not committed", c.Group),
		"marks are written by consume -g GROUP --marks; is this line a record?")
}

var errNoGroup = fault.Hint(errors.New("the marks name no group: nothing was committed"),
	"a program that writes marks says who has read: logpipe help marks")

// refuse notes that the group has refused c.
func (e *markEnd) refuse(c *stream.Control) {
	e.waiting, e.bounced = nil, c
	e.stale++
	e.log.Debug("not committed: the group has moved on", "group", c.Group, "generation", c.Generation, "epoch", c.Epoch)
}

// tellStale tells that marks were refused before reading went on.
func (e *markEnd) tellStale() {
	if e.stale > 0 {
		e.log.Warn("marks were refused, for the group had moved on: the records since the one that was committed last come again", "group", e.bounced.Group, "marks", e.stale)
	}
	e.bounced, e.stale = nil, 0
}

// errRefused is what is wrong where the last marks were refused.
func (e *markEnd) errRefused() error {
	c := e.bounced
	if c == nil {
		return nil
	}
	marks := "the last mark was"
	if e.stale > 1 {
		marks = fmt.Sprintf("the last %d marks were", e.stale)
	}
	return fault.Hint(fmt.Errorf("%s refused: who has read for group %q is no member of it any more (generation %d): the records are read again",
		marks, c.Group, c.Generation),
		"consume had ended, or had been silent for longer than its --session-timeout, when the mark came to the end of the pipe")
}

func kafkaMark(c *stream.Control) kafka.Mark {
	return kafka.Mark{Group: c.Group, Member: c.Member, Instance: c.Instance, Generation: c.Generation, Epoch: c.Epoch, Offsets: c.Offsets, Topics: c.Topics, Leaders: c.Leaders, Until: c.Until,
		Cluster: c.Cluster, Brokers: c.Brokers}
}

// came counts records until the first mark comes, which tells of all, and those behind
// the last one.
func (e *markEnd) came(lines []byte) {
	switch {
	case !e.opened:
	case e.last == nil:
		e.unmarked += int64(bytes.Count(lines, []byte{'\n'}))
	case e.last.Last:
		e.behind += int64(bytes.Count(lines, []byte{'\n'}))
	}
}

// errUncommitted is what is wrong where records have come and no mark at all, as behind
// head or where the reader has died early, or none that commits them.
func (e *markEnd) errUncommitted() error {
	switch {
	case e.behind > 0 && e.bounced == nil && e.waiting == nil:
		return e.errBehind("")
	case e.last != nil && e.last.Group == "":
		return errNoGroup
	case e.last != nil || e.unmarked == 0:
		return nil
	}
	return notCommitted(e.unmarked)
}

// errBehind tells of records that the last mark should have come behind, and where they
// are not.
func (e *markEnd) errBehind(where string) error {
	return fault.Hint(fmt.Errorf("%s came behind the last mark: they were committed before they were here%s", countRecords(e.behind), where),
		"a program in the pipe passes marks on before the records that stand before them: where it dies between the two, those are lost")
}

func notCommitted(n int64) error {
	return fault.Hint(fmt.Errorf("%s not committed: no mark came behind them; they are read again", countRecords(n)),
		"the pipe ended in the middle, as it does when a command of it dies, or behind head")
}

// check tells what is wrong with the settings for marks before one comes.
func (e *markEnd) check() error {
	return kafka.NewCommitter(e.config, e.source).Check()
}

// sourceOption declares how the cluster that marks come from is spoken to.
func sourceOption(s *option.Set, file *string) {
	s.String(file, "source-config", "", "where marks come from another cluster: take its brokers, TLS and SASL from this `file` (client.properties); those of the other flags are not for it")
}

// finish commits what could not be committed before.
func (e *markEnd) finish() error {
	var err error
	if c := e.waiting; c != nil {
		if err = e.commit(c, commitPause); err == nil && e.waiting != nil {
			err = e.uncommitted(c, e.reason)
		}
	}
	return errors.Join(err, e.errRefused(), e.close())
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
	switch {
	case e.last == nil && e.unmarked == 0:
		return "", true
	case e.last == nil:
		return fmt.Sprintf("%s out %d; no mark came: it would have told of the commands before", e.name, e.unmarked), true
	}
	if text, whole = ledgerText(e.last.Ledger); text != "" && !e.last.Last {
		text += "; as of the last mark that came: the stream ended without its last one"
	}
	return text, whole
}

// ledgerText is the sum of a pipe: the records of each command, and where they do not
// add up, within one or because it has read another number than the one before it has
// written.
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
		}{{"rejected", n.Rejected}, {"late", n.Late}, {"dropped", n.Dropped}, {"in rows", n.Folded}, {"rows made", n.Made}, {"taken back", n.Again}, {"open", n.Open}} {
			if part.n > 0 {
				fmt.Fprintf(&b, " %s %d", part.name, part.n)
			}
		}
		if lost := n.Rest(); lost != 0 {
			whole = false
			fmt.Fprintf(&odd, "; %s", stream.GapText(n.Stage, lost))
		}
	}
	return b.String() + odd.String(), whole
}

func lostBetween(before, n stream.Counts) string {
	if n.In < before.Out {
		return fmt.Sprintf("%s that %s wrote did not come to %s", countRecords(before.Out-n.In), before.Stage, n.Stage)
	}
	return fmt.Sprintf("%s read %s that %s did not write", n.Stage, countRecords(n.In-before.Out), before.Stage)
}
