package sink

import (
	"context"
	"errors"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/hdfs"
)

// hdfsSink tells the runner of the events that have no place.
type hdfsSink struct{ *hdfs.Sink }

func newHDFS(p *flume.Properties) Sink { return hdfsSink{hdfs.New(p)} }

// Write is that of hdfs.Sink.
func (s hdfsSink) Write(ctx context.Context, batch []flume.Event) error {
	err := s.Sink.Write(ctx, batch)
	var refused *hdfs.RejectedError
	if !errors.As(err, &refused) {
		return err
	}
	rejected := &RejectedError{}
	for _, e := range refused.Events {
		rejected.Events = append(rejected.Events, Rejection{Index: e.Index, Err: e.Err})
	}
	return rejected
}
