//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// The tests that kill whole agents are short here, and long with more kills:
//
//	LOGPIPE_KILLS=60 go test -count=1 -run TestKilled -v ./cmd/logpipe
//
// All of them are parallel tests, which begin when the others are over: some of
// those measure memory, and what this process had at most counts as a child's.

// fleet runs agents as processes of their own, kills them without warning and
// starts them again in the same folders.
type fleet struct {
	t      *testing.T
	dir    string
	env    []string
	flags  []string // of agents that are made from now on
	agents []*fleetAgent
}

// fleetAgent is one agent with its property file and what it has told so far.
type fleetAgent struct {
	name, conf, told string
	flags            []string
	cmd              *exec.Cmd
	over             chan struct{} // closed when the process has ended
	begun            int64         // how much of told is of earlier processes
	stopped          bool          // the test has asked it to end
	kills            []time.Time
	shocks           int // what else may make it deliver a batch again: reloads, failures
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), env: clean(t)}
	t.Cleanup(func() {
		for _, a := range f.agents {
			a.kill()
			if t.Failed() {
				t.Logf("what agent %s told last:\n%s", a.name, tailOf(a.told, 3000))
			}
		}
	})
	return f
}

// agent writes a property file, whose keys lack the name of the agent, and
// starts the agent. $DIR is the folder of the test.
func (f *fleet) agent(name, conf string) *fleetAgent {
	f.t.Helper()
	a := &fleetAgent{name: name, conf: filepath.Join(f.dir, name+".conf"), told: filepath.Join(f.dir, name+".told"), flags: f.flags}
	f.agents = append(f.agents, a)
	f.configure(a, conf)
	f.start(a)
	return a
}

// configure replaces the property file in one step.
func (f *fleet) configure(a *fleetAgent, conf string) {
	f.t.Helper()
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(conf, "$DIR", f.dir)) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(&b, "%s.%s\n", a.name, line)
		}
	}
	if err := os.WriteFile(a.conf+".new", []byte(b.String()), 0o666); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(a.conf+".new", a.conf); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) start(a *fleetAgent) {
	f.t.Helper()
	told, err := os.OpenFile(a.told, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		f.t.Fatal(err)
	}
	defer told.Close()
	a.begun, a.stopped = a.toldSize(), false
	a.cmd = exec.Command("logpipe", append([]string{"agent", "-n", a.name, "-f", a.conf, "--state", f.dir, "--grace", "1m"}, a.flags...)...)
	a.cmd.Env, a.cmd.Stdout, a.cmd.Stderr = f.env, told, told
	if err := a.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	cmd, over := a.cmd, make(chan struct{})
	a.over = over
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(over)
	}()
}

// kill is kill -9; it says whether the agent was alive until then.
func (a *fleetAgent) kill() (alive bool) {
	select {
	case <-a.over:
		return false
	default:
	}
	_ = a.cmd.Process.Kill() // it may have ended meanwhile
	<-a.over
	a.kills = append(a.kills, time.Now())
	return a.cmd.ProcessState.ExitCode() == -1
}

// killAndStart kills an agent that has to be alive, and starts it again, most
// often at once.
func (f *fleet) killAndStart(a *fleetAgent) {
	f.t.Helper()
	if !a.kill() {
		f.t.Fatalf("agent %s ended by itself: %v", a.name, a.cmd.ProcessState)
	}
	if rand.IntN(4) == 0 {
		time.Sleep(rand.N(150 * time.Millisecond))
	}
	f.start(a)
}

// killRandomly kills agents at random moments, also while they start.
func (f *fleet) killRandomly(agents ...*fleetAgent) {
	f.t.Helper()
	for n := range logpipetest.Kills(f.t) {
		pause := rand.N(400 * time.Millisecond)
		if n%4 == 3 {
			pause = rand.N(40 * time.Millisecond)
		}
		time.Sleep(pause)
		f.killAndStart(agents[n%len(agents)])
	}
}

// stop ends an agent by SIGTERM; it has to be drained.
func (f *fleet) stop(a *fleetAgent) {
	f.t.Helper()
	f.awaitTold(a, a.begun, a.name+" runs:") // before that a signal ends it as it does any program
	a.stopped = true
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatalf("agent %s: %v", a.name, err)
	}
	select {
	case <-a.over:
	case <-time.After(3 * time.Minute):
		f.t.Fatalf("agent %s does not end", a.name)
	}
	if code := a.cmd.ProcessState.ExitCode(); code != 143 {
		f.t.Errorf("agent %s: exit code %d after SIGTERM", a.name, code)
	}
	if last := tailOf(a.told, 300); !strings.Contains(last, " 0 left") {
		f.t.Errorf("agent %s is not drained: %s", a.name, last)
	}
}

// standstill is how long nothing may change while a test waits: longer than the
// longest pause of a sink that fails.
const standstill = 3 * time.Minute

// await looks again and again until something is so.
func (f *fleet) await(what func() (done bool, state string)) {
	f.t.Helper()
	before, since := "", time.Now()
	for {
		done, state := what()
		if done {
			return
		}
		if state != before {
			before, since = state, time.Now()
		}
		if time.Since(since) > standstill {
			f.t.Fatalf("nothing changes any more: %s", state)
		}
		for _, a := range f.agents {
			if a.stopped {
				continue
			}
			select {
			case <-a.over:
				f.t.Fatalf("agent %s ended by itself: %v; %s", a.name, a.cmd.ProcessState, state)
			default:
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// awaitTold waits until an agent has told something since the file was so long.
func (f *fleet) awaitTold(a *fleetAgent, since int64, text string) {
	f.t.Helper()
	f.await(func() (bool, string) { return a.hasTold(since, text) })
}

// hasTold looks whether it has told something since the file was so long.
func (a *fleetAgent) hasTold(since int64, text string) (told bool, state string) {
	all, _ := os.ReadFile(a.told)
	return strings.Contains(string(all[min(int(since), len(all)):]), text), "no " + text + " from agent " + a.name
}

func (a *fleetAgent) toldSize() int64 {
	st, err := os.Stat(a.told)
	if err != nil {
		return 0
	}
	return st.Size()
}

func tailOf(path string, n int) string {
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-n):])
}

// copies are the events of a file_roll folder with serializer header_and_text.
// What ends in the middle of a line, where a kill came into a write, is no event.
type copies struct {
	events map[string][]copied // by body
	torn   int
}

type copied struct{ headers map[string]string }

func readCopies(t *testing.T, folder string) copies {
	t.Helper()
	c := copies{events: map[string][]copied{}}
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), ".torn.") {
			continue // what a kill in the middle of a write has left: the file without the dot has its whole events
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has another name now: the next look finds it
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			headers, body, ok := strings.Cut(line, "} ")
			if !strings.HasSuffix(line, "\n") || !ok {
				c.torn++
				continue
			}
			e := copied{map[string]string{}}
			for pair := range strings.SplitSeq(strings.TrimPrefix(headers, "{"), ", ") {
				key, value, _ := strings.Cut(pair, "=")
				e.headers[key] = value
			}
			body = strings.TrimSuffix(body, "\n")
			c.events[body] = append(c.events[body], e)
		}
	}
	return c
}

// missing are those of want that have not arrived, with a few examples.
func (c copies) missing(want []string) (n int, examples []string) {
	for _, body := range want {
		if len(c.events[body]) == 0 {
			if n++; n%(len(want)/5+1) == 1 || n < 3 {
				examples = append(examples, body)
			}
		}
	}
	return n, examples
}

// more counts the events that came more than once from where the header key is set.
func (c copies) more() (n int) {
	for _, all := range c.events {
		n += len(all) - 1
	}
	return n - c.again("key")
}

// again counts the copies of events that were made behind the point where a
// header is set: all with the same value of it are one event there.
func (c copies) again(header string) (n int) {
	seen := map[string]bool{}
	for _, all := range c.events {
		for _, e := range all {
			id := e.headers[header]
			if seen[id] {
				n++
			}
			seen[id] = true
		}
	}
	return n
}

// sleepUpTo makes the moments random in which a test does something.
func sleepUpTo(ms int) { time.Sleep(rand.N(time.Duration(ms) * time.Millisecond)) }
