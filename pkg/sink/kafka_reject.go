package sink

import (
	"context"
	"errors"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// Write sends the batch and waits for the brokers' answers. Events of which no
// broker will ever take a record are rejected: *RejectedError.
func (s *Kafka) Write(ctx context.Context, batch []flume.Event) error {
	if s.conn == nil {
		conn, err := s.connect(ctx)
		if err != nil {
			s.counts.ConnectFailed.Add(1)
			return err
		}
		s.conn = conn
		s.counts.Created.Add(1)
	}
	s.counts.Attempt(len(batch), s.batch)
	begin := time.Now()
	var rejected []Rejection
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
		return err
	}
	s.timer.Add(time.Since(begin).Milliseconds())
	s.counts.Delivered.Add(int64(len(records) - len(more)))
	if rejected = append(rejected, more...); len(rejected) > 0 {
		return &RejectedError{rejected}
	}
	return nil
}

// send sends records. Where a broker refuses a batch, each record goes
// alone, to find those that it refuses by themselves; the others of the
// batch may then come twice.
func (s *Kafka) send(ctx context.Context, records []kafka.Record, indexes []int) (rejected []Rejection, err error) {
	var sendErr error
	for i := range records {
		err := s.conn.Send(ctx, records[i])
		if kafka.IsRefused(err) {
			rejected = append(rejected, Rejection{indexes[i], err})
			continue
		}
		if err != nil {
			sendErr = err
			break
		}
	}
	// Also after a failed Send: what is on its way must be answered before the
	// batch goes back, or its second sending could overtake the first.
	err = errors.Join(sendErr, s.conn.Flush(ctx))
	if !kafka.IsRefused(err) {
		return rejected, err
	}
	if len(records) == 1 {
		return []Rejection{{indexes[0], err}}, nil
	}
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
