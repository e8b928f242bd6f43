package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Marked is a sink that needs the marks of a group's reader.
type Marked interface{ NeedsMarks() bool }

// NeedsMarks tells that the offsets are part of the transaction.
func (b *produceBuilder) NeedsMarks() bool { return b.o.TransactionalID != "" }

// transaction is what produce --tx has open: the records since the last mark, which
// count together with its offsets or not at all.
type transaction struct {
	open   bool
	began  int64       // records acknowledged when it began
	done   int64       // records of transactions that were committed
	unsure int64       // records of one of which it is not known whether it was
	taken  int64       // records of transactions that were taken back
	unsent int64       // records that were kept for a mark that did not come
	fenced bool        // it was told that another producer has taken the id over
	old    *time.Timer // tells that no mark comes; nil before the first transaction that waits for one
}

var errUnmarked = fault.Hint(fault.Usagef("produce: --tx needs marks: a transaction ends with the offsets that it has been made of"),
	"logpipe consume TOPIC -g GROUP --marks | … | logpipe produce TOPIC --tx ID")

// begin opens a transaction where none is, with what is kept for it.
func (p *produced) begin(ctx context.Context) error {
	if p.tx.open {
		return nil
	}
	if err := p.producer.Begin(ctx); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	p.tx.open = true
	p.tx.began, _ = p.producer.Counts()
	return p.sendKept(ctx)
}

// beginEarly opens a transaction, where one is needed, for more than can be kept until
// the mark comes. It tells when that takes too long.
func (p *produced) beginEarly(ctx context.Context) error {
	if !p.sink.NeedsMarks() || p.tx.open {
		return nil
	}
	limit, log := p.sink.o.TransactionTimeout, p.log
	p.tx.old = time.AfterFunc(limit/2, func() {
		log.Warn("a transaction waits for its mark: the cluster takes it back when its time is over, and its records are read again; more --transaction-timeout gives it time",
			"open", option.FormatDuration(limit/2), "timeout", option.FormatDuration(limit))
	})
	return p.begin(ctx)
}

// marksCome ends what beginEarly has begun to wait for.
func (t *transaction) marksCome() {
	if t.old != nil {
		t.old.Stop()
	}
}

// Control commits a mark once the records before it are acknowledged: with --tx, in
// one transaction with them.
func (p *produced) Control(c *stream.Control) error {
	ctx := context.Background()
	switch c.Kind {
	case stream.ControlOpen:
		if err := p.fits(c); err != nil {
			return err
		}
	case stream.ControlReset:
		if err := p.sameCluster(c); err != nil {
			return err
		}
		if err := p.takeBack(ctx); err != nil {
			return err
		}
	case stream.ControlMark:
		if p.sink.NeedsMarks() {
			p.last = c
			p.tx.marksCome()
			err := p.commitTransaction(ctx, c)
			p.countRefused(c)
			p.countTaken(c)
			return err
		}
		if err := p.flush(ctx, nil); err != nil {
			return err
		}
		p.countRefused(c)
		if err := p.undelivered(); err != nil {
			p.last = c
			return err
		}
	}
	return p.markEnd.Control(c)
}

// fits refuses a stream that a transaction cannot carry.
func (p *produced) fits(c *stream.Control) error {
	limit := p.sink.o.TransactionTimeout
	switch {
	case !p.sink.NeedsMarks():
	case c.Again != "":
		return fault.Hint(fault.Usagef("produce: --tx: %s puts records that are read again into other rows: they would come twice", c.Again),
			"--time FIELD counts by event time, the same whenever it runs")
	case c.Every >= limit.Milliseconds():
		return fault.Hint(fault.Usagef("produce: --tx: marks come every %s, and the transaction between two of them may take %s",
			option.FormatDuration(time.Duration(c.Every)*time.Millisecond), option.FormatDuration(limit)),
			"consume --mark-every has to be well below produce --transaction-timeout")
	}
	return nil
}

// sameCluster refuses records whose offsets belong to another cluster.
func (p *produced) sameCluster(c *stream.Control) error {
	if own := p.producer.Cluster(); p.sink.NeedsMarks() && c.Cluster != "" && own != "" && own != c.Cluster {
		return fault.Hint(fault.Usagef("produce: --tx: the records come from cluster %s and go to cluster %s: a transaction is of one", c.Cluster, own),
			"without --tx, records may come twice after a failure")
	}
	return nil
}

func (p *produced) commitTransaction(ctx context.Context, c *stream.Control) error {
	if err := anonymous(c); err != nil {
		return errors.Join(err, p.takeBack(ctx))
	}
	err := p.begin(ctx)
	if err == nil {
		err = p.flush(ctx, nil)
	}
	if err == nil {
		err = p.undelivered()
	}
	if err != nil {
		return p.abandon(ctx, err)
	}
	m := kafkaMark(c)
	o := kafka.Offsets{Group: m.Group, Member: m.Member, Instance: m.Instance, Generation: m.Generation, Topics: m.Topics, Leaders: m.Leaders}
	for name, offset := range m.Offsets {
		topic, partition, ok := stream.CutSource(name)
		if !ok {
			return fmt.Errorf("a mark names %q, which is no partition", name)
		}
		o.Next = append(o.Next, kafka.NextOffset{Topic: topic, Partition: partition, Offset: offset, Metadata: m.Note(name)})
	}
	err = p.producer.CommitOffsets(ctx, o)
	if errors.Is(err, kafka.ErrRevoked) {
		p.refuse(c)
		return p.takeBack(ctx)
	}
	if err != nil {
		return p.abandon(ctx, err)
	}
	return p.endTransaction(ctx)
}

// abandon takes back what is open because of err.
func (p *produced) abandon(ctx context.Context, err error) error {
	p.tx.fenced = p.tx.fenced || errors.Is(err, kafka.ErrFenced)
	return errors.Join(err, p.takeBack(ctx))
}

// endTransaction commits what is open, and counts its records.
func (p *produced) endTransaction(ctx context.Context) error {
	p.tx.open = false
	err := p.producer.End(ctx, true)
	acked, _ := p.producer.Counts()
	var unsure *kafka.NotEndedError
	switch n := acked - p.tx.began; {
	case err == nil:
		p.tx.done += n
		p.tellStale()
	case errors.As(err, &unsure) && !errors.Is(err, kafka.ErrFenced):
		p.tx.unsure += n
	default:
		p.tx.taken += n
	}
	return err
}

// countTaken takes what no committed transaction has out of the records that this
// command has put out, in the ledger that comes with c: they come again, acknowledged
// or not.
func (p *produced) countTaken(c *stream.Control) {
	if len(c.Ledger) == 0 {
		return
	}
	own := &c.Ledger[len(c.Ledger)-1]
	if n := own.Out - p.tx.done; n > 0 {
		unsure := min(n, p.tx.unsure)
		own.Out -= n
		own.Open += unsure
		own.Again += n - unsure
	}
}

// takeRest aborts what stands open at the end: there is no mark behind it.
func (p *produced) takeRest(ctx context.Context) error {
	before := p.tx.taken + p.tx.unsent
	err := p.takeBack(ctx)
	if n := p.tx.taken + p.tx.unsent - before; n > 0 && err == nil && !p.tx.fenced {
		if err = notCommitted(n); p.behind > 0 && p.bounced == nil {
			err = p.errBehind(", and are not in the topic")
		}
	}
	return err
}

// Ledger implements Ledgered: without a mark, no record of a transaction is out.
func (p *produced) Ledger() (text string, whole bool) {
	if text, whole = p.markEnd.Ledger(); p.last == nil && p.unmarked > 0 && p.sink.NeedsMarks() {
		text = strings.Replace(text, fmt.Sprintf("out %d", p.unmarked), fmt.Sprintf("out 0 taken back %d", p.unmarked), 1)
	}
	return text, whole
}

// takeBack aborts what is open and forgets what is kept: those records come again.
func (p *produced) takeBack(ctx context.Context) error {
	p.tx.marksCome()
	p.tx.unsent += p.kept.clear()
	if !p.tx.open {
		return nil
	}
	p.tx.open = false
	err := p.producer.End(ctx, false)
	n, _ := p.producer.Counts()
	p.tx.taken += n - p.tx.began
	if p.tx.fenced && errors.Is(err, kafka.ErrFenced) {
		return nil // told, and there is nothing left to end
	}
	var left *kafka.NotEndedError
	if !errors.Is(err, kafka.ErrRevoked) {
		return err
	}
	if errors.As(err, &left) {
		return left // the records come again, but the cluster has yet to take them back
	}
	return nil // that is why
}
