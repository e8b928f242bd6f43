package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// Write sends the batch and waits for the brokers' answers. Events of which no
// broker will ever take a record are rejected: *RejectedError.
func (s *Kafka) Write(ctx context.Context, batch []flume.Event) error {
	rejected, err := s.write(ctx, batch)
	if err != nil {
		s.rolled.Add(1)
		return err
	}
	if len(rejected) > 0 {
		return &RejectedError{rejected}
	}
	return nil
}

// write is Write; it returns the rejected events where all others are delivered.
func (s *Kafka) write(ctx context.Context, batch []flume.Event) (rejected []Rejection, err error) {
	if s.conn == nil {
		conn, err := s.connect(ctx)
		if err != nil {
			s.counts.ConnectFailed.Add(1)
			return nil, err
		}
		s.conn = conn
		s.counts.Created.Add(1)
	}
	s.counts.Attempt(len(batch), s.batch)
	begin := time.Now()
	records, indexes := make([]kafka.Record, 0, len(batch)), make([]int, 0, len(batch))
	for i := range batch {
		record, err := s.record(&batch[i])
		if err != nil {
			rejected = append(rejected, Rejection{i, err})
			continue
		}
		records, indexes = append(records, record), append(indexes, i)
	}
	more, err := s.send(ctx, records, indexes)
	if s.failed = err != nil; err != nil {
		s.counts.Failed.Add(1)
		return nil, err
	}
	s.timer.Add(time.Since(begin).Milliseconds())
	s.counts.Delivered.Add(int64(len(records) - len(more)))
	return append(rejected, more...), nil
}

// send sends records, and returns those that a broker refuses by themselves. Where
// all that is known is that some of them are, each goes alone; the others may then
// come twice.
func (s *Kafka) send(ctx context.Context, records []kafka.Record, indexes []int) (rejected []Rejection, err error) {
	var sendErr error
	refused := map[int64]error{} // by place among the sent
	var sent []int
	receipt := kafka.NewReceipt(func(error) {}, func(n int64, _ kafka.Record, err error) { refused[n] = err })
	receipt.TellPartitions()
	defer receipt.Close()
	for i := range records {
		err := s.conn.SendFor(ctx, records[i], receipt)
		if kafka.IsRefused(err) {
			rejected = append(rejected, Rejection{indexes[i], err})
			continue
		}
		if err != nil {
			sendErr = err
			break
		}
		sent = append(sent, indexes[i])
	}
	// Also after a failed Send: what is on its way must be answered before the
	// batch goes back, or its second sending could overtake the first.
	err = errors.Join(sendErr, s.conn.Flush(ctx))
	if err == nil {
		for n, why := range refused {
			rejected = append(rejected, Rejection{sent[n], why})
		}
		slices.SortFunc(rejected, func(a, b Rejection) int { return a.Index - b.Index })
	}
	if !kafka.IsRefused(err) {
		return rejected, err
	}
	if len(records) == 1 {
		return []Rejection{{indexes[0], err}}, nil
	}
	s.env.Logf("a broker refuses some of %d records and does not say which: each is sent alone, and those that it took come twice: %v", len(records), err)
	rejected = nil
	for i := range records {
		more, err := s.send(ctx, records[i:i+1], indexes[i:i+1])
		if err != nil {
			return nil, err
		}
		rejected = append(rejected, more...)
	}
	return rejected, nil
}
