package catalog

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// commitCommand describes the end of a marked pipe behind a program that is not
// logpipe's.
func commitCommand() Command {
	return Command{
		Name: "commit", Group: Move,
		Usage: "commit",
		Short: "print records, and commit the marks of consume --marks",
		Long: "Records are printed as they come. A mark among them is not: when the records before it are written, the " +
			"group that has read them commits. Input without marks passes as it is.\n\n" +
			"It ends a pipe in which a program that knows nothing of marks does the work; that program has to pass lines " +
			"that begin with {\"@logpipe\" as they are (`logpipe help marks`).",
		Examples: []op.Example{{
			Note: "grep in the middle of a pipe that loses nothing",
			Command: `logpipe broker -- sh -c '
  printf "{\"n\":%d}\n" 1 2 3 | logpipe produce -q numbers
  logpipe consume numbers -g odd -o beginning -e --marks | grep -e "^{\"@logpipe\"" -e "[13]}" | logpipe commit -q
  logpipe consume numbers -g odd -e'`,
			Output: "{\"n\":1}\n{\"n\":3}\n",
		}},
		Sink: func() SinkBuilder { return new(commitBuilder) },
	}
}

type commitBuilder struct{ kafka Kafka }

func (b *commitBuilder) Options(s *option.Set) { b.kafka.Options(s) }

func (b *commitBuilder) Build(args []string) (Sink, error) {
	if len(args) > 0 {
		return nil, fault.Usagef("commit: reads standard input, not %s", args[0])
	}
	return &commitSink{commitBuilder: b}, nil
}

// commitSink is also the stage before it, which passes lines as they are.
type commitSink struct {
	exact
	*commitBuilder
}

func (s *commitSink) Name() string { return "commit" }

func (s *commitSink) Open(_ context.Context, env *stream.Env) (stream.Sink, error) {
	return &committing{out: env.Stdout, markEnd: markEnd{config: s.kafka.Config(env.Log), log: env.Log}}, nil
}

// CommitOnly is the sink behind a stage that draws on the terminal itself: it takes
// marks alone.
func CommitOnly(env *stream.Env) stream.Sink {
	var k Kafka
	k.Options(new(option.Set))
	return &committing{out: io.Discard, markEnd: markEnd{config: k.Config(env.Log), log: env.Log}}
}

// committing writes lines and commits.
type committing struct {
	out io.Writer
	markEnd
}

func (s *committing) Write(_ context.Context, lines []byte) error {
	_, err := s.out.Write(lines)
	if errors.Is(err, syscall.EPIPE) {
		return stream.ErrStop
	}
	return err
}

// Close commits what could not be committed before.
func (s *committing) Close(context.Context) error { return s.finish() }
