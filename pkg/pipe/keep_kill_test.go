package pipe

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/sink"
)

// mortal is a channel in a folder, with a pipe sink at it, that is killed at its
// nth step: the folder is copied as it is then, and nothing counts that comes later.
// A step is before and behind each write of rows, each note and each commit.
type mortal struct {
	*file.Channel
	t    *testing.T
	dir  string
	told world

	mu     sync.Mutex
	steps  int // that are left
	rows   []string
	copied string // the folder of the next life
}

func live(t *testing.T, dir string, steps int, properties ...string) *mortal {
	t.Helper()
	m := &mortal{t: t, dir: dir, steps: steps}
	m.Channel = logpipetest.Configure(t, file.New, append([]string{"checkpointDir=" + filepath.Join(dir, "checkpoint"),
		"dataDirs=" + filepath.Join(dir, "data"), "minimumRequiredSpace=0"}, properties...)...).(*file.Channel)
	if err := m.Channel.Open(flume.Env{Name: "c1", Logf: m.told.logf, Counters: &flume.Counters{}}); err != nil {
		t.Fatal(err)
	}
	return m
}

// step is one more moment for the kill.
func (m *mortal) step() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps--; m.steps == 0 {
		m.copied = m.t.TempDir()
		if err := os.CopyFS(m.copied, os.DirFS(m.dir)); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *mortal) Write(rows []byte) (int, error) {
	m.step()
	m.mu.Lock()
	if m.copied == "" {
		m.rows = append(m.rows, strings.Split(strings.TrimSpace(string(rows)), "\n")...)
	}
	m.mu.Unlock()
	m.step()
	return len(rows), nil
}

func (m *mortal) StoreNote(text []byte) error {
	m.step()
	defer m.step()
	return m.Channel.StoreNote(text)
}

func (m *mortal) CommitRetained(behind uint64) error {
	defer m.step()
	return m.Channel.CommitRetained(behind)
}

// put stores events in batches of ten.
func (m *mortal) put(all []flume.Event) {
	m.t.Helper()
	for batch := range slices.Chunk(all, 10) {
		if err := m.Put(m.t.Context(), batch); err != nil {
			m.t.Fatal(err)
		}
	}
}

// runner makes a sink of the command, which makes a mark behind each batch.
func (m *mortal) runner(command string) (*sink.Runner, *Sink, *sink.Member) {
	m.t.Helper()
	s := configure(m.t, NewSink, "command="+command, "batchSize=7").(*Sink)
	s.KeepWhere(true)
	if !s.Keeps() {
		m.t.Fatalf("%s keeps nothing", command)
	}
	env := m.told.env()
	env.Stdout = m
	if err := s.Open(env); err != nil {
		m.t.Fatal(err)
	}
	member := &sink.Member{Name: "k1", Sink: s, Env: env, Dead: sink.NewDeadLetters(filepath.Join(m.dir, "dead"), "a1", "sink", "k1")}
	r := sink.NewRunner(m, []*sink.Member{member}, nil, m.told.logf)
	s.keeping.every = 0
	return r, s, member
}

// drain runs a sink until the channel is empty, and closes all.
func (m *mortal) drain(command string) {
	m.t.Helper()
	r, s, _ := m.runner(command)
	m.Drain()
	if err := errors.Join(r.Run(m.t.Context()), s.Close()); err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.Size(); n != 0 {
		m.t.Errorf("%d events left; told %s", n, m.told.all())
	}
	if err := m.Channel.Close(); err != nil {
		m.t.Error(err)
	}
}

// visits are records of several hours, nearly in the order of their times, some of
// them late, or refused.
func visits(r *rand.Rand, n int) []flume.Event {
	var all []flume.Event
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := range n {
		at = at.Add(rand.N(3 * time.Second))
		when := at.Add(-time.Duration(r.IntN(25)) * time.Second)
		if r.IntN(50) == 0 {
			when = at.Add(-5 * time.Minute)
		}
		body := fmt.Sprintf(`{"time":%q,"k":"k%d","n":%d}`, when.Format(time.RFC3339), r.IntN(3), i)
		if r.IntN(100) == 0 {
			body = "no object"
		}
		all = append(all, flume.Event{Body: []byte(body)})
	}
	return all
}

// However often it is killed, and whenever, the rows are those of a run that is not;
// some come twice.
func TestKeepKilled(t *testing.T) {
	for _, command := range []string{
		"aggregate --window 1m --by k count 'sum(n)'",
		"where 'n % 3 != 1' | aggregate --window 2m --slide 30s --lateness 20s --by k count 'max(n)' | set 'twice=2*count'",
		"aggregate --window 1m --lateness 10s --by k count 'sum(n)' | top 2 --by sum_n",
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				killKept(t, command, seed)
			}
		})
	}
}

func killKept(t *testing.T, command string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	all := visits(r, 800)
	calm := live(t, t.TempDir(), 0)
	calm.put(all)
	calm.drain(command)
	want := counted(calm.rows)

	m := live(t, t.TempDir(), 1+r.IntN(20))
	m.put(all)
	var rows []string
	lives := 0
	for ; ; lives++ {
		m.drain(command)
		rows = append(rows, m.rows...)
		if m.copied == "" {
			break
		}
		steps := 1 + r.IntN(20)
		if lives > 40 {
			steps = 0
		}
		m = live(t, m.copied, steps)
	}
	got := counted(rows)
	if lives < 5 || len(rows) == len(got) {
		t.Errorf("seed %d: %d kills, %d rows of %d came twice", seed, lives, len(rows)-len(got), len(got))
	}
	if missing, more := difference(want, got), difference(got, want); len(missing)+len(more) > 0 {
		t.Errorf("%s, seed %d, %d kills: missing %d of %d rows:\n%s\nnot in a run without kills:\n%s", command, seed, lives,
			len(missing), len(want), strings.Join(missing, "\n"), strings.Join(more, "\n"))
	}
}

func counted(rows []string) map[string]int {
	n := map[string]int{}
	for _, row := range rows {
		n[row]++
	}
	return n
}

func difference(a, b map[string]int) (only []string) {
	for _, row := range slices.Sorted(maps.Keys(a)) {
		if b[row] == 0 {
			only = append(only, row)
		}
	}
	return only
}
