package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// rows is the sink of a test.
type rows struct {
	mu   sync.Mutex
	text bytes.Buffer
	most int // lines that are wanted; 0 = all
}

func (r *rows) Write(_ context.Context, lines []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(lines)
	if r.most > 0 && bytes.Count(r.text.Bytes(), []byte("\n")) >= r.most {
		return stream.ErrStop
	}
	return nil
}

func (r *rows) Close(context.Context) error { return nil }

// compute runs a pipeline as the command line does.
func (r *rows) compute(ctx context.Context, p *catalog.Pipeline) error {
	env := &stream.Env{Now: time.Now, Log: slog.New(slog.DiscardHandler), Stdout: io.Discard, Live: true}
	in, err := p.Source().Open(ctx, env)
	if err != nil {
		return err
	}
	_, err = stream.Run(ctx, stream.Pipeline{Source: in, Stages: p.Stages(), Sink: r}, stream.Options{Env: env})
	return errors.Join(err, in.(io.Closer).Close())
}

// folder makes the temporary folder of a test, in which nothing may be left.
func folder(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs a Unix shell")
	}
	dir := filepath.Join(t.TempDir(), "a 'b' c")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left in the temporary folder: %v %v", left, err)
		}
	})
}

// runUntilWritten runs the demo for a third of a second, or for longer where the
// machine is too busy to write anything within that.
func runUntilWritten(t *testing.T, o Options) Ledger {
	t.Helper()
	for o.For = 300 * time.Millisecond; ; o.For *= 4 {
		l, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if l.Written > 0 || o.For > time.Minute {
			return l
		}
	}
}

// Every line goes through log, agent, topic and pipeline.
func TestRunEndsByItself(t *testing.T) {
	folder(t)
	var out rows
	var told bytes.Buffer
	l := runUntilWritten(t, Options{Rate: 5000, Compute: out.compute, Messages: &told, Quietly: true})
	if l.Written == 0 || l.Read != l.Written { // how many depends on the machine
		t.Errorf("ledger %+v", l)
	}
	if first, _, _ := strings.Cut(out.text.String(), "\n"); !strings.Contains(first, `"course":`) || !strings.HasSuffix(first, `"rank":1}`) {
		t.Errorf("row %q", first)
	}
	if !strings.Contains(told.String(), " 0 left\n") {
		t.Errorf("told:\n%s", &told)
	}
}

// Lines that were written before anybody could follow the log are read too: the
// command that follows it begins seconds late here, as on a busy machine.
func TestRunWaitsForFollower(t *testing.T) {
	folder(t)
	tail, err := exec.LookPath("tail")
	if err != nil {
		t.Skip("no tail here")
	}
	programs := t.TempDir()
	late := "#!/bin/sh\nsleep 3\nexec '" + tail + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(programs, "tail"), []byte(late), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	l := runUntilWritten(t, Options{Rate: 5000, Compute: new(rows).compute, Messages: io.Discard})
	if l.Written == 0 || l.Read != l.Written {
		t.Errorf("ledger %+v", l)
	}
}

func TestRunEnds(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		compute func(context.Context, *catalog.Pipeline) error
		cancel  bool
		want    error
	}{
		"no more rows wanted": {compute: (&rows{most: 1}).compute},
		"pipeline fails":      {compute: func(context.Context, *catalog.Pipeline) error { return broken }, want: broken},
		"cancelled":           {compute: new(rows).compute, cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			folder(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := Options{Rate: 5000, Messages: io.Discard}
			o.Compute = func(inner context.Context, p *catalog.Pipeline) error {
				if c.cancel {
					cancel()
				}
				return c.compute(inner, p)
			}
			if _, err := Run(ctx, o); !errors.Is(err, c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// The demo ends with the error of its broker where that cannot write. A folder stands
// where the file would be.
func TestRunWithFailedBroker(t *testing.T) {
	folder(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := Options{Rate: 5000, Messages: io.Discard}
	o.Compute = func(inner context.Context, p *catalog.Pipeline) error {
		conf, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", confName))
		if err != nil || len(conf) != 1 {
			t.Error(conf, err)
			return err
		}
		text, err := os.ReadFile(conf[0])
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(filepath.Dir(conf[0]), brokerDir, "topics.json.tmp"), 0o777); err != nil {
			return err
		}
		addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(string(text))
		admin, err := kafka.NewAdmin(inner, kafka.Config{Brokers: []string{addr}, Wait: time.Minute})
		if err != nil {
			return err
		}
		if err := admin.CreateTopic(inner, "more", 1, 1, nil); err == nil {
			t.Error("what was not stored was acknowledged")
		}
		<-inner.Done()
		return admin.Close()
	}
	var path *os.PathError
	if _, err := Run(ctx, o); !errors.As(err, &path) || filepath.Base(path.Path) != "topics.json.tmp" || ctx.Err() != nil {
		t.Errorf("error %v, %v", err, ctx.Err())
	}
}

func TestRunWithoutFolder(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	if _, err := Run(t.Context(), Options{Rate: 1, Messages: io.Discard}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Rate: -1}, {Rate: 1, For: -1}} {
		if err := o.Check(); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

// The property file is one that the agent takes without a word.
func TestConf(t *testing.T) {
	name := filepath.Join(t.TempDir(), confName)
	for _, with := range []string{shell, ""} {
		if err := os.WriteFile(name, []byte(conf(follow+logName, with, "127.0.0.1:9092")), 0o666); err != nil {
			t.Fatal(err)
		}
		report, err := agent.Check(agent.Options{Name: agentName, Files: []string{name}})
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("%v: %v", err, report.Findings)
		}
	}
}

func TestCommands(t *testing.T) {
	list, err := Commands(Options{Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(list, "\n")
	for _, want := range []string{"logpipe gen access --rate 1000000 >access.log &", "\nEND\n",
		"logpipe consume access -o beginning |\n  logpipe parse access --extract 'path=/course/{course:int}.html' |\n  logpipe enrich |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
