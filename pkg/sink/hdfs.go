package sink

import (
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/hdfs"
)

func newHDFS(p *flume.Properties) Sink { return hdfs.New(p) }
