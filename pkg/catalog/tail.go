package catalog

import (
	"context"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/tail"
)

// tailCommand describes the source that follows files.
func tailCommand() Command {
	return Command{
		Name: "tail", Group: Move,
		Usage: "tail <FILE>…",
		Short: "follow files that grow, through rotation",
		Long: "The lines of all files, as they are written. A file that is renamed is read to its end and followed for " +
			"ten seconds more, as its writer may not know yet; the new file is read from its beginning, and so is a " +
			"file that was truncated. A file that is not there is waited for.\n\n" +
			"With --positions a file keeps how far each file was read: as far as lines have been written; in " +
			"`run` behind a stage that keeps records back, such as aggregate, it is told at the end. A restart goes " +
			"on there, in the renamed file too if it is still in the folder; --from then counts only for files that are new. " +
			"Into a topic, and on from there after a restart:\n\n" +
			"  logpipe run 'tail /var/log/nginx/access.log --positions access.pos | produce clicks'",
		Examples: []op.Example{{
			Command: `printf 'one\ntwo\nthree\n' > access.log && logpipe tail access.log --from beginning | logpipe head 2`,
			Output:  "one\ntwo\n",
		}},
		Source: func() SourceBuilder { return new(tailBuilder) },
	}
}

type tailBuilder struct {
	from string
	o    tail.Config
}

func (b *tailBuilder) Options(s *option.Set) {
	s.Choice(&b.from, "from", "end", []string{"beginning", "end"}, "where to begin in files that are there")
	s.String(&b.o.Positions, "positions", "", "keep in this `file` how far each file was read, and go on there")
	var always bool
	s.Bool(&always, "follow,f", "what it does anyway").Hidden = true
	s.Bool(&always, "retry,F", "what it does anyway").Hidden = true
}

func (b *tailBuilder) Build(args []string) (Source, error) {
	if len(args) == 0 {
		return nil, fault.Hint(fault.Usagef("tail: say which file"), "logpipe tail access.log")
	}
	b.o.Files, b.o.Beginning = args, b.from == "beginning"
	return &tailSource{b}, nil
}

// tailSource opens files.
type tailSource struct{ *tailBuilder }

// Live is true: files may grow at any time.
func (s *tailSource) Live() bool { return true }

// Exact tells that lines leave as they came where no stage follows.
func (s *tailSource) Exact() {}

func (s *tailSource) Open(_ context.Context, env *stream.Env) (stream.Source, error) {
	for _, name := range s.o.Files {
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			return nil, fault.Hint(fault.Usagef("%s is a folder", name), "name its files: %s", filepath.Join(name, "*.log"))
		}
	}
	o := s.o
	o.Log = env.Log
	t, err := tail.Open(o)
	return t, asUsage(err) // a file of positions that cannot be read
}
