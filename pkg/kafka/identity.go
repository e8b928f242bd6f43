package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// coordinatorPause is how long to wait where a coordinator is busy: the end of
// the transaction before takes so long.
const coordinatorPause = 20 * time.Millisecond

// identify asks the cluster for a producer id. With a transactional id the
// cluster ends what an earlier producer has left open, and fences that off.
func (p *Producer) identify(ctx context.Context) error {
	req := &sarama.InitProducerIDRequest{Version: 4, ProducerID: nobody.id, ProducerEpoch: nobody.epoch}
	ask := p.withAnyBroker
	if p.txn != nil {
		req.TransactionalID, req.TransactionTimeout = &p.cfg.TransactionalID, p.cfg.TransactionTimeout
		ask = p.withCoordinator
		if p.txn.known { // a new epoch of the same producer (KIP-360)
			req.ProducerID, req.ProducerEpoch = p.identity.id, p.identity.epoch
		}
	}
	var got identity
	err := ask(ctx, func(b *sarama.Broker) error {
		again := *req // the library writes the version that the broker knows into it
		resp, err := b.InitProducerID(&again)
		if err != nil {
			return err
		}
		got = identity{resp.ProducerID, resp.ProducerEpoch}
		return codeError(resp.Err)
	})
	switch {
	case errors.Is(err, sarama.ErrClusterAuthorizationFailed):
		return fault.Hint(topicError{"not authorized to write without repetitions (IdempotentWrite on the cluster)", err},
			"--acks 1 does without, or an access rule has to allow it")
	case errors.Is(err, sarama.ErrInvalidTransactionTimeout):
		return fault.Hint(topicError{fmt.Sprintf("a transaction timeout of %s is longer than the brokers allow", option.FormatDuration(p.cfg.TransactionTimeout)), err},
			"the brokers' transaction.max.timeout.ms sets the limit, 15m unless it was changed")
	case err != nil:
		return explain(p.fencedOr(err), "")
	}
	p.mu.Lock()
	p.identity = got
	p.mu.Unlock()
	return nil
}

func codeError(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

// withAnyBroker repeats a call until a broker has answered.
func (p *Producer) withAnyBroker(ctx context.Context, call func(*sarama.Broker) error) error {
	return p.persist(ctx, func() error {
		b := p.conn.someBroker()
		if b == nil {
			return sarama.ErrOutOfBrokers
		}
		err := call(b)
		if err != nil && !isCode(err) {
			p.conn.leaveBroker(b)
		}
		return err
	})
}

// withCoordinator repeats a call until the coordinator of the transactional id
// has answered.
func (p *Producer) withCoordinator(ctx context.Context, call func(*sarama.Broker) error) error {
	id := p.cfg.TransactionalID
	return p.persist(ctx, func() error {
		b, err := p.conn.client.TransactionCoordinator(id)
		if err != nil {
			return err
		}
		err = call(b)
		if err == nil {
			return nil
		}
		if !isCode(err) {
			b.Close()
		}
		if !isCode(err) || errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
			if refreshErr := p.conn.client.RefreshTransactionCoordinator(id); refreshErr != nil {
				p.conn.cfg.log().Debug("coordinator", "transactional id", id, "error", refreshErr)
			}
		}
		return err
	})
}

// isCode tells that a broker has said it, not the network.
func isCode(err error) bool { return errors.As(err, new(sarama.KError)) }

// persist repeats a call whose failures pass, for the producer's timeout.
func (p *Producer) persist(ctx context.Context, call func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	var reason error // why the last attempt that ended has failed
	for {
		_, err := await(ctx, func() (struct{}, error) { return struct{}{}, call() })
		if errors.Is(context.Cause(ctx), errSlow) && errors.Is(err, context.DeadlineExceeded) {
			return cmp.Or(reason, errNoAnswer(p.cfg.Timeout))
		}
		wait := retryPause
		switch {
		case err == nil:
			p.conn.outage.worked()
			return nil
		case errors.Is(err, sarama.ErrConcurrentTransactions):
			wait = coordinatorPause
		case ctx.Err() != nil, !passing(err):
			return err
		default:
			p.conn.outage.failed(err)
		}
		if reason = err; pause(ctx, wait) != nil {
			return err
		}
	}
}

// errSlow is why persist ends at the end of the producer's time.
var errSlow = errors.New("the producer's time is over")
