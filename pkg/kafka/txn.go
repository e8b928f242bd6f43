package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// ErrFenced is in the chain of errors of a producer whose transactional id is
// used by another one that began later.
var ErrFenced = errors.New("fenced off")

// NotEndedError says that the end of a transaction failed: whether it is open, aborted
// or committed is known to the brokers alone.
type NotEndedError struct{ cause error }

func (e *NotEndedError) Error() string { return "end of the transaction: " + e.cause.Error() }

// Unwrap returns why.
func (e *NotEndedError) Unwrap() error { return e.cause }

// Offsets are what a group has done, to be committed with a transaction.
type Offsets struct {
	Group      string
	Member     string // of the consumer that has read; "" = none
	Generation int32  // of its membership; -1 = none
	Instance   string // of a static member; "" = none
	Next       []NextOffset
	Topics     map[string]string // as in Mark
	Leaders    map[string]int32  // as in Mark
}

// NextOffset is the next offset to read of a partition.
type NextOffset struct {
	Topic     string
	Partition int32
	Offset    int64
	Metadata  string // stored with it
}

// transaction is the state of a producer with a transactional id. p.mu guards it.
type transaction struct {
	open    bool
	known   bool  // the producer has an id already
	used    bool  // the coordinator knows of this transaction
	bad     error // why it can only be aborted
	renewed bool  // the numbers begin anew before the next one
}

// useTransaction notes that the coordinator hears of the transaction: its timeout runs
// from there. p.mu is held.
func (p *Producer) useTransaction() {
	if !p.txn.used {
		p.txn.used = true
		p.began.Store(time.Now().UnixNano())
	}
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
				part.identity = nobody
				part.anew()
			}
		}
	}
	*p.txn = transaction{open: true, known: true}
	p.began.Store(0)
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
	p.useTransaction()
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
		err = p.persist(ctx, func() error { return p.commitOffsets(ctx, who, o) })
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

// commitOffsets hands the offsets to the coordinator of the group, but for those of
// topics that are others by now.
func (p *Producer) commitOffsets(ctx context.Context, who identity, o Offsets) error {
	offsets := make(map[part]int64, len(o.Next))
	for _, n := range o.Next {
		offsets[part{n.Topic, n.Partition}] = n.Offset
	}
	left, err := p.conn.unchanged(ctx, o.Group, o.Topics, offsets)
	if err != nil || len(left) == 0 && len(offsets) > 0 {
		return err
	}
	client := p.conn.client
	b, err := client.Coordinator(o.Group)
	if err != nil {
		return err
	}
	req := p.offsetsRequest(who, o, left)
	resp, err := b.TxnOffsetCommit(req)
	if err != nil {
		b.Close()
		return errors.Join(err, client.RefreshCoordinator(o.Group))
	}
	for topic, list := range resp.Topics {
		for _, part := range list {
			switch part.Err {
			case sarama.ErrNoError:
			case sarama.ErrUnknownTopicOrPartition:
				return topicError{fmt.Sprintf("topic %q was deleted", topic), ErrNoTopic}
			case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
				return errors.Join(part.Err, client.RefreshCoordinator(o.Group))
			default:
				return part.Err
			}
		}
	}
	return nil
}

// offsetsRequest asks to make those of the offsets that are left part of the
// transaction.
func (p *Producer) offsetsRequest(who identity, o Offsets, left map[part]int64) *sarama.TxnOffsetCommitRequest {
	req := &sarama.TxnOffsetCommitRequest{Version: 3, TransactionalID: p.cfg.TransactionalID, GroupID: o.Group,
		ProducerID: who.id, ProducerEpoch: who.epoch, GenerationID: o.Generation, MemberID: o.Member,
		Topics: map[string][]*sarama.PartitionOffsetMetadata{}}
	if o.Instance != "" {
		req.GroupInstanceID = &o.Instance
	}
	for _, n := range o.Next {
		p := part{n.Topic, n.Partition}
		if _, ok := left[p]; ok {
			req.Topics[n.Topic] = append(req.Topics[n.Topic],
				&sarama.PartitionOffsetMetadata{Partition: n.Partition, Offset: n.Offset, LeaderEpoch: leader(o.Leaders, p.String()), Metadata: &n.Metadata})
		}
	}
	return req
}

// End ends the transaction: with commit, all of its records and offsets count;
// without, none. A transaction of which a record was not acknowledged is aborted
// whatever commit says, and the error tells why. Where End itself fails, which a
// *NotEndedError in the chain tells, it is not known which of the two has happened.
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
			return errors.Join(why, &NotEndedError{explain(p.fencedOr(err), "")})
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
	p.useTransaction()
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
// errors as they are. The coordinator answers the same where it has ended a
// transaction itself, whose time was over.
func (p *Producer) fencedOr(err error) error {
	if p.txn == nil {
		return err
	}
	open := p.openFor()
	over := open >= p.cfg.TransactionTimeout
	for _, code := range fencing {
		if !errors.Is(err, code) && !(over && errors.Is(err, sarama.ErrInvalidTxnState)) {
			continue
		}
		err = errors.Join(ErrFenced, err)
		if over {
			return fault.Hint(topicError{fmt.Sprintf("transactional id %q: the transaction was open for %s, its timeout is %s: the cluster has taken it back",
				p.cfg.TransactionalID, open.Round(time.Second), option.FormatDuration(p.cfg.TransactionTimeout)), err},
				"--transaction-timeout gives more time from one mark to the next")
		}
		return fault.Hint(topicError{fmt.Sprintf("transactional id %q: another producer has taken it over; what this one has sent since its last commit is aborted",
			p.cfg.TransactionalID), err}, "give each running producer its own transactional id")
	}
	return err
}

// openFor is how long the coordinator has known of the transaction that was opened
// last.
func (p *Producer) openFor() time.Duration {
	if began := p.began.Load(); began > 0 {
		return time.Since(time.Unix(0, began))
	}
	return 0
}
