package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// ErrFenced is in the chain of errors of a producer whose transactional id is
// used by another one that began later.
var ErrFenced = errors.New("fenced off")

// Offsets are what a group has done, to be committed with a transaction.
type Offsets struct {
	Group      string
	Member     string // of the consumer that has read; "" = none
	Generation int32  // of its membership; -1 = none
	Instance   string // of a static member; "" = none
	Metadata   string // stored with each offset
	Next       []NextOffset
}

// NextOffset is the next offset to read of a partition.
type NextOffset struct {
	Topic     string
	Partition int32
	Offset    int64
}

// transaction is the state of a producer with a transactional id. p.mu guards it.
type transaction struct {
	open    bool
	known   bool  // the producer has an id already
	used    bool  // the coordinator knows of this transaction
	bad     error // why it can only be aborted
	renewed bool  // the numbers begin anew before the next one
}

func newTransaction() *transaction { return &transaction{} }

// Begin begins a transaction; records are sent within one only.
func (p *Producer) Begin(ctx context.Context) error {
	p.mu.Lock()
	if p.txn == nil {
		p.mu.Unlock()
		return errors.New("the producer has no transactional id")
	}
	if p.txn.open {
		p.mu.Unlock()
		return errors.New("a transaction is open already")
	}
	anew := p.txn.renewed
	p.txn.known = true
	p.mu.Unlock()
	if anew {
		if err := p.identify(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.topics {
		for _, part := range t.parts {
			part.joined = false
			if anew {
				part.identity, part.sequence, part.renew = nobody, 0, false
			}
		}
	}
	*p.txn = transaction{open: true, known: true}
	return nil
}

// CommitOffsets makes the offsets part of the open transaction: End commits them
// with the records, or neither. ErrRevoked says that the group has moved on.
func (p *Producer) CommitOffsets(ctx context.Context, o Offsets) error {
	if err := p.inTransaction(); err != nil {
		return err
	}
	p.mu.Lock()
	who := p.identity
	p.txn.used = true
	p.mu.Unlock()
	err := p.withCoordinator(ctx, func(b *sarama.Broker) error {
		resp, err := b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{Version: 3, TransactionalID: p.cfg.TransactionalID,
			ProducerID: who.id, ProducerEpoch: who.epoch, GroupID: o.Group})
		if err != nil {
			return err
		}
		return codeError(resp.Err)
	})
	if err == nil {
		err = p.persist(ctx, func() error { return p.commitOffsets(who, o) })
	}
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, sarama.ErrIllegalGeneration), errors.Is(err, sarama.ErrUnknownMemberId),
		errors.Is(err, sarama.ErrRebalanceInProgress), errors.Is(err, sarama.ErrFencedInstancedId):
		err = ErrRevoked
	default:
		err = fmt.Errorf("commit to group %q within a transaction: %w", o.Group, explain(p.fencedOr(err), ""))
	}
	p.mu.Lock()
	if p.txn.bad == nil {
		p.txn.bad = err
	}
	p.mu.Unlock()
	return err
}

// commitOffsets hands the offsets to the coordinator of the group.
func (p *Producer) commitOffsets(who identity, o Offsets) error {
	client := p.conn.client
	b, err := client.Coordinator(o.Group)
	if err != nil {
		return err
	}
	req := &sarama.TxnOffsetCommitRequest{Version: 3, TransactionalID: p.cfg.TransactionalID, GroupID: o.Group,
		ProducerID: who.id, ProducerEpoch: who.epoch, GenerationID: o.Generation, MemberID: o.Member,
		Topics: map[string][]*sarama.PartitionOffsetMetadata{}}
	if o.Instance != "" {
		req.GroupInstanceID = &o.Instance
	}
	for _, n := range o.Next {
		req.Topics[n.Topic] = append(req.Topics[n.Topic],
			&sarama.PartitionOffsetMetadata{Partition: n.Partition, Offset: n.Offset, LeaderEpoch: -1, Metadata: &o.Metadata})
	}
	resp, err := b.TxnOffsetCommit(req)
	if err != nil {
		b.Close()
		return errors.Join(err, client.RefreshCoordinator(o.Group))
	}
	for _, list := range resp.Topics {
		for _, part := range list {
			switch part.Err {
			case sarama.ErrNoError:
			case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
				return errors.Join(part.Err, client.RefreshCoordinator(o.Group))
			default:
				return part.Err
			}
		}
	}
	return nil
}

// End ends the transaction: with commit, all of its records and offsets count;
// without, none. A transaction of which a record was not acknowledged is aborted
// whatever commit says, and the error tells why. Where End itself fails it is not
// known which of the two has happened.
func (p *Producer) End(ctx context.Context, commit bool) error {
	if err := p.inTransaction(); err != nil && !errors.Is(err, errBroken) {
		return err
	}
	why := p.Flush(ctx)
	p.mu.Lock()
	if why == nil {
		why = p.txn.bad
	}
	commit = commit && why == nil
	used, who := p.txn.used, p.identity
	for _, t := range p.topics {
		for _, part := range t.parts {
			p.txn.renewed = p.txn.renewed || part.renew
		}
	}
	p.txn.renewed = p.txn.renewed || why != nil
	p.mu.Unlock()
	if errors.Is(why, ErrFenced) {
		return why // there is nothing left to end
	}
	if used {
		err := p.withCoordinator(ctx, func(b *sarama.Broker) error {
			resp, err := b.EndTxn(&sarama.EndTxnRequest{Version: 3, TransactionalID: p.cfg.TransactionalID,
				ProducerID: who.id, ProducerEpoch: who.epoch, TransactionResult: commit})
			if err != nil {
				return err
			}
			return codeError(resp.Err)
		})
		if err != nil {
			return errors.Join(why, fmt.Errorf("end of the transaction: %w", explain(p.fencedOr(err), "")))
		}
	}
	p.mu.Lock()
	p.txn.open = false
	p.mu.Unlock()
	return why
}

var errBroken = errors.New("the transaction can only be aborted")

// inTransaction refuses what can happen within a transaction only.
func (p *Producer) inTransaction() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.txn == nil:
		return errors.New("the producer has no transactional id")
	case !p.txn.open:
		return errors.New("no transaction is open: Begin begins one")
	case p.txn.bad != nil:
		return fmt.Errorf("%w: %w", errBroken, p.txn.bad)
	}
	return nil
}

// join makes the partitions of batches part of the transaction.
func (p *Producer) join(list []*batch) error {
	topics := map[string][]int32{}
	p.mu.Lock()
	for _, b := range list {
		if !b.to.joined {
			topics[b.to.topic.name] = append(topics[b.to.topic.name], b.to.id)
		}
	}
	who := p.identity
	p.txn.used = true
	p.mu.Unlock()
	if len(topics) == 0 {
		return nil
	}
	err := p.withCoordinator(p.ctx, func(b *sarama.Broker) error {
		resp, err := b.AddPartitionsToTxn(&sarama.AddPartitionsToTxnRequest{Version: 3, TransactionalID: p.cfg.TransactionalID,
			ProducerID: who.id, ProducerEpoch: who.epoch, TopicPartitions: topics})
		if err != nil {
			return err
		}
		for _, parts := range resp.Errors {
			for _, part := range parts {
				if part.Err != sarama.ErrNoError && part.Err != sarama.ErrOperationNotAttempted {
					return part.Err
				}
			}
		}
		return nil
	})
	if err != nil {
		return &joinError{p.fencedOr(err)}
	}
	p.mu.Lock()
	for _, b := range list {
		b.to.joined = true
	}
	p.mu.Unlock()
	return nil
}

// joinError says that a partition could not become part of a transaction; it is
// tried no more.
type joinError struct{ error }

func (e *joinError) Unwrap() error { return e.error }

// broken tells whether an error of a batch is one that the open transaction does
// not get over. p.mu is held.
func (t *transaction) broken(err error) bool {
	if errors.As(err, new(*joinError)) {
		return true
	}
	for _, code := range append(slices.Clone(fencing), sarama.ErrInvalidTxnState, sarama.ErrInvalidProducerIDMapping) {
		if errors.Is(err, code) {
			return true
		}
	}
	return t.bad != nil
}

// fail notes why the transaction can only be aborted, and returns it. p.mu is held.
func (t *transaction) fail(p *Producer, err error) error {
	if t.bad == nil {
		t.bad = explain(p.fencedOr(err), "")
	}
	return t.bad
}

// fencing are the answers to a producer whose id another one uses.
var fencing = []error{sarama.ErrProducerFenced, sarama.ErrInvalidProducerEpoch, sarama.ErrTransactionCoordinatorFenced}

// fencedOr words the answer to a producer that was fenced off, and leaves other
// errors as they are.
func (p *Producer) fencedOr(err error) error {
	if p.txn == nil {
		return err
	}
	for _, code := range fencing {
		if errors.Is(err, code) {
			return fault.Hint(topicError{fmt.Sprintf("transactional id %q: another producer has taken it over; what this one has sent since its last commit is aborted",
				p.cfg.TransactionalID), errors.Join(ErrFenced, err)}, "give each running producer its own transactional id")
		}
	}
	return err
}
