package agent

import (
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/pipe"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// The tables of types are those of the packages of components, and what pkg/pipe
// adds: it stands above them, because it runs what the catalog has.

func sinkTypes() flume.Table[sink.Sink] { return append(sink.Types(), pipe.Sinks()...) }

func interceptorTypes() flume.Table[source.Interceptor] {
	return append(source.Interceptors(), pipe.Interceptors()...)
}
