package sink

import (
	"context"
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// deliver sends events by one connection, in as many requests as that takes, and
// returns those that the source refuses for good. The first one is event at of the
// batch.
func (s *rpc) deliver(ctx context.Context, l *lane, events []flume.Event, at int) (refused []Rejection, err error) {
	for len(events) > 0 {
		part := events[:min(len(events), s.batch)]
		n := s.cfg.Protocol.Fit(part)
		if n > 0 {
			err = s.send(ctx, l, part[:n])
		} else {
			n = 1
			var why error
			if why, err = s.sendLarge(ctx, l, part[:1]); why != nil {
				refused = append(refused, Rejection{at, why})
			}
		}
		if err != nil {
			return nil, err
		}
		events, at = events[n:], at+n
	}
	return refused, nil
}

// sendLarge sends one event that is above what a source of Flume reads; other
// sources may take it. Flume closes the connection, and so does a source that
// ends or a network that fails just then: the event is refused only where the
// source closes it twice, and answers both times what comes next.
func (s *rpc) sendLarge(ctx context.Context, l *lane, event []flume.Event) (refused, err error) {
	for range 2 {
		if err := s.send(ctx, l, event); !flumerpc.Closed(err) {
			return nil, err
		}
		if err := s.send(ctx, l, nil); err != nil {
			return nil, err
		}
	}
	return fmt.Errorf("the source closes the connection at a request of %d bytes with this event alone: a thrift source of Flume reads %d at most, an avro source more",
		s.cfg.Protocol.RequestSize(&event[0]), flumerpc.ThriftLimit), nil
}
