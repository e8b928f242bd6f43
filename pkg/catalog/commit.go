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
			"group that has read them commits. Input without marks passes as it is, and commit ends with 1: there was nothing to commit. So it does where records came and no mark, as behind head.\n\n" +
			"It ends a pipe in which a program that knows nothing of marks does the work; that program has to pass lines " +
			"that begin with {\"@logpipe\" as they are (`logpipe help marks`).\n\n" +
			"The marks name the cluster that the records come from. The user, password and certificate that are given here " +
			"go to the brokers of -b alone, and to that cluster where it is the same one; --source-config says how another one is spoken to.",
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

type commitBuilder struct {
	kafka  Kafka
	source string // the file of --source-config
}

func (b *commitBuilder) Options(s *option.Set) {
	b.kafka.Options(s)
	sourceOption(s, &b.source)
}

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
	end := markEnd{name: s.Name(), config: s.kafka.Config(env.Log), source: s.source, log: env.Log}
	if err := end.check(); err != nil {
		return nil, err
	}
	return &committing{out: env.Stdout, only: true, markEnd: end}, nil
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
	out  io.Writer
	only bool // marks are all that it is for
	markEnd
}

func (s *committing) Write(_ context.Context, lines []byte) error {
	s.came(lines)
	_, err := s.out.Write(lines)
	if errors.Is(err, syscall.EPIPE) {
		return stream.ErrStop
	}
	return err
}

// Close commits what could not be committed before.
func (s *committing) Close(context.Context) error {
	if s.only && !s.opened {
		return errors.Join(s.finish(), errNoMarks)
	}
	return errors.Join(s.finish(), s.errUncommitted())
}

var errNoMarks = fault.Hint(errors.New("the input had no marks: nothing was committed"), "consume -g GROUP --marks has to write its first line")
