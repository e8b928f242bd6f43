package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// Put sends the batch and waits for the brokers' answers, and for the brokers
// where they are gone. What was sent when they went may then be there twice. An
// event that no broker takes goes to the file of deadLetter; without that, one
// above max.request.size is an error, and one that a broker refuses is waited for.
func (k *Kafka) Put(ctx context.Context, batch []flume.Event) error {
	if len(batch) == 0 {
		return nil
	}
	k.counts.putAttempt.Add(int64(len(batch)))
	p, err := k.prepare(ctx, batch)
	if err != nil {
		return err
	}
	begin := time.Now()
	for failures := 0; ; {
		sent := len(p.records)
		refused, err := k.send(ctx, p.records)
		if err == nil {
			k.counts.putSuccess.Add(int64(sent - len(refused)))
			err = k.keepRefused(ctx, p, refused)
		}
		if err == nil {
			k.works(cannotPut)
			k.counts.sendTimer.Add(time.Since(begin).Milliseconds())
			if failures > 0 {
				k.env.Logf("events are put again")
			}
			return nil
		}
		if ctx.Err() != nil || fault.CodeOf(err) == fault.Usage {
			return err
		}
		failures++
		if err := k.pause(ctx, failures, cannotPut, err); err != nil {
			return err
		}
	}
}

// put is a batch on its way.
type put struct {
	batch   []flume.Event
	records []kafka.Record // of the events that are not stored
	indexes []int          // of these events
}

// prepare makes the records of a batch.
func (k *Kafka) prepare(ctx context.Context, batch []flume.Event) (*put, error) {
	p := &put{batch: batch, records: make([]kafka.Record, 0, len(batch)), indexes: make([]int, 0, len(batch))}
	limit := k.producing.Producer().MaxMessageBytes
	for i := range batch {
		r := k.record(&batch[i])
		if r.Size() <= limit {
			p.records, p.indexes = append(p.records, r), append(p.indexes, i)
			continue
		}
		err := fmt.Errorf("topic %q: event %d of %d: %w", k.topic, i+1, len(batch), &kafka.TooLargeError{Size: r.Size(), Limit: limit})
		if k.env.Refused == nil {
			return nil, fault.Hint(err, "raise kafka.producer.max.request.size, and the topic's max.message.bytes with it, or let deadLetter = FILE keep such events")
		}
		if err := k.env.Refused(ctx, &batch[i], err); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// keepRefused keeps the events that the brokers refuse. Where the file of the
// channel does not ask for it, they alone are left to put, and that is an error.
func (k *Kafka) keepRefused(ctx context.Context, p *put, refused map[int64]error) error {
	if len(refused) == 0 {
		return nil
	}
	if k.env.Refused == nil {
		left := &put{batch: p.batch}
		var why error
		for i, r := range p.records {
			if err := refused[int64(i)]; err != nil {
				left.records, left.indexes, why = append(left.records, r), append(left.indexes, p.indexes[i]), err
			}
		}
		*p = *left
		return fmt.Errorf("topic %q: %d of %d events are refused: %w; deadLetter = FILE keeps such events and lets the source go on",
			k.topic, len(refused), len(p.batch), why)
	}
	for i := range p.records {
		why := refused[int64(i)]
		if why == nil {
			continue
		}
		if err := k.env.Refused(ctx, &p.batch[p.indexes[i]], fmt.Errorf("topic %q: %w", k.topic, why)); err != nil {
			return err
		}
	}
	p.records, p.indexes = nil, nil
	return nil
}

// What fails while the channel tries again.
const (
	cannotPut  = "cannot put events"
	cannotTake = "cannot take events"
)

// works notes that something no longer fails.
func (k *Kafka) works(what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.failing, what)
}

// Trouble tells that the brokers do not answer, before the producer gives up.
func (k *Kafka) Trouble() string {
	k.mu.Lock()
	for _, what := range []string{cannotPut, cannotTake} {
		if why := k.failing[what]; why != "" {
			k.mu.Unlock()
			return what + ": " + why
		}
	}
	p := k.producer
	k.mu.Unlock()
	if p != nil {
		if why := p.Trouble(); why != "" {
			return why
		}
	}
	k.queue.mu.Lock()
	c := k.queue.consumer
	k.queue.mu.Unlock()
	if c != nil {
		return c.Trouble()
	}
	return ""
}

// pause waits longer after each failure in a row, up to five seconds, and tells
// the first, second, fourth, eighth …
func (k *Kafka) pause(ctx context.Context, failures int, what string, err error) error {
	k.mu.Lock()
	k.failing[what] = err.Error()
	k.mu.Unlock()
	wait := min(time.Duration(failures)*time.Second, 5*time.Second)
	if failures&(failures-1) == 0 {
		k.env.Logf("%s (attempt %d), tries again in %v: %v", what, failures, wait, err)
	}
	return k.sleep(ctx, wait)
}

func (k *Kafka) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-k.ctx.Done():
		return errors.New("the channel is closed")
	}
}

// send sends the records and waits for their answers. It returns the numbers of
// those that a broker refuses; the others are stored where there is no error.
func (k *Kafka) send(ctx context.Context, records []kafka.Record) (refused map[int64]error, err error) {
	if len(records) == 0 {
		return nil, nil
	}
	p, err := k.connected(ctx)
	if err != nil {
		return nil, err
	}
	answered := make(chan error, 1)
	refused = map[int64]error{}
	receipt := kafka.NewReceipt(func(err error) { answered <- err }, func(n int64, _ kafka.Record, err error) { refused[n] = err })
	for i := range records {
		if err = p.SendFor(ctx, records[i], receipt); err != nil {
			break
		}
	}
	receipt.Close()
	select {
	case failure := <-answered:
		err = errors.Join(err, failure)
	case <-ctx.Done():
		return nil, errors.Join(err, ctx.Err())
	}
	if err == nil {
		return refused, nil
	}
	if ctx.Err() == nil { // it may have given up for good
		k.mu.Lock()
		if k.producer == p {
			k.producer = nil
		}
		k.mu.Unlock()
		p.Close() //nolint:errcheck // its failure is the one that is returned
	}
	return nil, err
}

// connected returns the producer, and makes it where there is none.
func (k *Kafka) connected(ctx context.Context) (*kafka.Producer, error) {
	k.connecting.Lock()
	defer k.connecting.Unlock()
	k.mu.Lock()
	p := k.producer
	k.mu.Unlock()
	if p != nil {
		return p, nil
	}
	cfg := k.producing.Producer()
	cfg.Elsewhere = true
	cfg.OnAck = k.acked
	p, err := kafka.NewProducer(ctx, k.producing.Config(k.brokers, k.env.Logf), cfg)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.producer = p
	k.mu.Unlock()
	return p, nil
}

// acked notes how far the partitions hold events that were put here.
func (k *Kafka) acked(r kafka.Record, err error) {
	if err != nil || r.Offset < 0 {
		return
	}
	k.mu.Lock()
	k.own[r.Partition] = max(k.own[r.Partition], r.Offset+1)
	k.mu.Unlock()
}
