package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Marked is a sink that needs the marks of a group's reader.
type Marked interface{ NeedsMarks() bool }

// NeedsMarks tells that the offsets are part of the transaction.
func (s *produceSink) NeedsMarks() bool { return s.o.TransactionalID != "" }

// transaction is what produce --tx has open: the records since the last mark, which
// count together with its offsets or not at all.
type transaction struct {
	open  bool
	began int64 // records acknowledged when it began
	taken int64 // records of transactions that were taken back
}

var errUnmarked = fault.Hint(fault.Usagef("produce: --tx needs marks: a transaction ends with the offsets that it has been made of"),
	"logpipe consume TOPIC -g GROUP --marks | … | logpipe produce TOPIC --tx ID")

// begin opens a transaction for records that come.
func (p *produced) begin(ctx context.Context) error {
	switch {
	case !p.sink.NeedsMarks() || p.tx.open:
		return nil
	case !p.marked:
		return errUnmarked
	}
	if err := p.producer.Begin(ctx); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	p.tx.open = true
	p.tx.began, _ = p.producer.Counts()
	return nil
}

// Control commits a mark once the records before it are acknowledged: with --tx, in
// one transaction with them.
func (p *produced) Control(c *stream.Control) error {
	ctx := context.Background()
	switch c.Kind {
	case stream.ControlOpen:
		p.marked = true
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
			return p.commitTransaction(ctx, c)
		}
		if err := p.flush(ctx, nil); err != nil {
			return err
		}
	}
	return p.markEnd.Control(c)
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
	if err := p.begin(ctx); err != nil {
		return err
	}
	m := kafkaMark(c)
	o := kafka.Offsets{Group: m.Group, Member: m.Member, Instance: m.Instance, Generation: m.Generation, Metadata: m.Metadata()}
	for name, offset := range m.Offsets {
		topic, partition, ok := stream.CutSource(name)
		if !ok {
			return fmt.Errorf("a mark names %q, which is no partition", name)
		}
		o.Next = append(o.Next, kafka.NextOffset{Topic: topic, Partition: partition, Offset: offset})
	}
	err := p.producer.CommitOffsets(ctx, o)
	if errors.Is(err, kafka.ErrRevoked) {
		p.stale++
		p.log.Debug("taken back: the group has moved on", "group", m.Group, "generation", m.Generation, "epoch", m.Epoch)
		return p.takeBack(ctx)
	}
	if err != nil {
		return errors.Join(err, p.takeBack(ctx))
	}
	p.tx.open = false
	return p.producer.End(ctx, true)
}

// takeBack aborts what is open: its records come again.
func (p *produced) takeBack(ctx context.Context) error {
	if !p.tx.open {
		return nil
	}
	p.tx.open = false
	err := p.producer.End(ctx, false)
	n, _ := p.producer.Counts()
	p.tx.taken += n - p.tx.began
	if errors.Is(err, kafka.ErrRevoked) {
		return nil // that is why
	}
	return err
}
