package source

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// stopWait is how long a command may take to end after SIGTERM: an agent is
// stopped within a second, beside the draining.
const stopWait = 800 * time.Millisecond

// quiet is how long a stopped command's output may stay open without a byte.
const quiet = 500 * time.Millisecond

// Exec runs a command; each line on its standard output is an event. All that
// the command has started ends with the source: its process group and, on Linux,
// what has left that group. A full channel makes the
// command wait in its write, so nothing that it prints is lost.
type Exec struct {
	command   string
	shell     string
	restart   bool
	throttle  time.Duration
	logStdErr bool
	batch     int
	charset   string

	env  flume.Env
	argv []string
	mark string // in the environment of all that the command starts
	troubles
}

// NewExec describes and makes an exec source.
func NewExec(p *flume.Properties) Source {
	s := &Exec{}
	var unused time.Duration
	p.String(&s.command, "command", "", "what to run; without shell it is cut at blanks").Require()
	p.String(&s.shell, "shell", "", "the shell that runs the command, such as /bin/sh -c")
	p.Bool(&s.restart, "restart", false, "run the command again when it ends")
	p.Duration(&s.throttle, "restartThrottle", 10*time.Second, time.Millisecond, "pause before running it again")
	p.Bool(&s.logStdErr, "logStdErr", false, "print the command's standard error")
	p.Int(&s.batch, "batchSize", 20, 1, "most events in one transaction").In("events")
	p.Duration(&unused, "batchTimeout", 3*time.Second, time.Millisecond, "longest wait for a full batch").
		Without("lines go on as soon as the command pauses")
	p.String(&s.charset, "charset", "UTF-8", "how the command writes text").
		Without("lines keep their bytes")
	return s
}

// Batch is the batchSize.
func (s *Exec) Batch() (string, int) { return "batchSize", s.batch }

// shellWords are what a shell makes of a command, and nobody else: words of their
// own, beginnings of words, and what stands anywhere.
const (
	shellWords  = " | || && & ; > >> < 2>&1 "
	shellBegins = "$`'\""
	shellSigns  = "*"
)

// shells are programs that take a command behind -c; without it, they look for a
// script of that name.
const shells = " sh bash dash ash ksh mksh zsh csh tcsh fish "

// Check finds what needs a shell in a command that has none, and a shell that is
// not told that it gets a command.
func (s *Exec) Check() []flume.Problem {
	if words := strings.Fields(s.shell); len(words) == 1 && strings.ContainsAny(s.command, " \t") &&
		strings.Contains(shells, " "+filepath.Base(words[0])+" ") {
		return []flume.Problem{{Property: "shell", Message: fmt.Sprintf("%s takes the command for the name of a script", words[0]),
			Fix: "write " + words[0] + " -c"}}
	}
	if n := len(s.command); s.shell != "" || n > 1 && strings.ContainsRune(`"'`, rune(s.command[0])) && s.command[n-1] == s.command[0] {
		return nil // or all of it is quoted, which is another mistake
	}
	for _, word := range strings.Fields(s.command) {
		problem := flume.Problem{Property: "command", Offset: utf8.RuneCountInString(s.command[:strings.Index(s.command, word)]), Harmless: true}
		switch first, _ := utf8.DecodeRuneInString(word); {
		case strings.ContainsRune("“”„‘’", first):
			problem.Message, problem.Fix = fmt.Sprintf("the command gets %s as it is: such quotes mean nothing, not even to a shell", word), "leave out the quotes"
		case strings.Contains(shellWords, " "+word+" ") || strings.ContainsAny(word, shellSigns) ||
			strings.ContainsAny(word[:1], shellBegins) || strings.HasPrefix(word, "~/"):
			problem.Message, problem.Fix = fmt.Sprintf("the command gets %s as it is: there is no shell that reads it", word), "set shell = /bin/sh -c"
		default:
			continue
		}
		return []flume.Problem{problem}
	}
	return nil
}

// Survey looks for the program.
func (s *Exec) Survey() []flume.Problem {
	property, text := "command", s.command
	if s.shell != "" {
		property, text = "shell", s.shell
	}
	words := strings.Fields(text)
	if len(words) == 0 || len(s.Check()) > 0 {
		return nil // that was reported
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return []flume.Problem{{Property: property, Message: fmt.Sprintf("%s: there is no program %s on this machine", property, words[0]),
			Fix: "install it, or write its path", Here: true}}
	}
	return nil
}

// Open finds the program.
func (s *Exec) Open(env flume.Env) error {
	s.env = env
	s.begin(env.Logf)
	s.argv = strings.Fields(s.command)
	if s.shell != "" {
		s.argv = append(strings.Fields(s.shell), s.command)
	}
	if len(s.argv) == 0 {
		return fault.Usagef("the command is empty")
	}
	if _, err := exec.LookPath(s.argv[0]); err != nil {
		return flume.OfProperty(fmt.Errorf("cannot run %q: %w", s.argv[0], err), "shell", "command")
	}
	s.mark = rand.Text()
	return nil
}

// Close ends what a command that ended by itself has left behind.
func (s *Exec) Close() error {
	if left := endMarked(s.mark); len(left) > 0 {
		s.env.Logf("could not end what the command has started: %s", strings.Join(left, ", "))
	}
	return nil
}

// Run runs the command, again and again with restart, until ctx ends.
func (s *Exec) Run(ctx context.Context, out *Output) error {
	for {
		end, err := s.once(ctx, out)
		if err != nil || ctx.Err() != nil {
			return err
		}
		text := fmt.Sprintf("command ended (%s), nothing more comes", end.how)
		if s.restart {
			text = fmt.Sprintf("command ended (%s), runs again in %v", end.how, s.throttle)
		}
		s.env.Logf("%s", text)
		// One that runs again may end as it likes: grep finds nothing, and says 1.
		if end.failed && (!s.restart || !end.ran) {
			s.note("run", "", text)
		}
		if !s.restart {
			return nil
		}
		if sleep(ctx, s.throttle) != nil {
			return nil
		}
	}
}

// ending tells of the end of a command.
type ending struct {
	how    string
	ran    bool
	failed bool
}

// once runs the command to its end and says how it ended.
func (s *Exec) once(ctx context.Context, out *Output) (end ending, err error) {
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return end, err
	}
	defer stdout.Close()
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		stdoutWriter.Close()
		return end, err
	}
	defer stderr.Close()
	c, err := startChild(s.argv, s.mark, nil, stdoutWriter, stderrWriter)
	stdoutWriter.Close()
	stderrWriter.Close()
	if err != nil {
		return ending{how: err.Error(), failed: true}, nil
	}
	s.over("run", "")

	var helpers sync.WaitGroup
	finished := make(chan struct{}) // closed when the output and the command have ended
	helpers.Go(func() {
		select {
		case <-finished:
			return
		case <-ctx.Done():
		}
		c.stop(stopWait)
		endMarked(s.mark)
		stdout.SetReadDeadline(time.Now().Add(quiet)) // for a read that waits now
	})
	complaints := make(chan string, 1)
	go func() { complaints <- s.readErrors(stderr) }()

	err = s.readLines(ctx, &remains{ctx: ctx, pipe: stdout}, out)
	if err != nil {
		c.stop(0) // the channels are gone: nobody will read
	}
	<-c.exited
	close(finished)
	helpers.Wait()
	c.wait()
	stderr.SetReadDeadline(time.Now().Add(quiet))
	complaint := <-complaints
	end = ending{c.status(), true, c.err != nil}
	if complaint != "" && !s.logStdErr {
		end.how += ": " + complaint
	}
	return end, err
}

// mostRemains bounds what is read from a pipe after the source was stopped.
const mostRemains = 16 << 20

// remains reads a command's output. Once the source is stopped, what the
// command has printed is still read; the bounds are for a process that could
// not be ended and holds the pipe open for ever.
type remains struct {
	ctx  context.Context
	pipe *os.File
	late int // bytes read after the stop
}

func (r *remains) Read(p []byte) (int, error) {
	stopped := r.ctx.Err() != nil
	if stopped {
		if r.late > mostRemains {
			return 0, io.EOF
		}
		r.pipe.SetReadDeadline(time.Now().Add(stopWait + quiet))
	}
	n, err := r.pipe.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// It does not look at what is there: this process may have been held up for longer.
		r.pipe.SetReadDeadline(time.Now().Add(quiet))
		n, err = r.pipe.Read(p)
	}
	if stopped {
		r.late += n
	}
	return n, err
}

// readLines puts the lines of r. What is left without a newline at the end of
// the output is a line too, but not when the source cut the output off.
func (s *Exec) readLines(ctx context.Context, r io.Reader, out *Output) error {
	lines := execLines{logf: s.env.Logf}
	for {
		readErr := lines.read(r)
		events := lines.next()
		if errors.Is(readErr, os.ErrDeadlineExceeded) {
			s.env.Logf("a process that could not be ended holds the command's output; what it prints is no longer read")
		}
		if readErr != nil {
			rest := lines.rest()
			switch {
			case ctx.Err() == nil:
				events = append(events, rest...)
			case len(rest) > 0:
				s.env.Logf("%d bytes of an unfinished line dropped", len(rest[0].Body))
			}
		}
		if err := out.PutBatches(events, s.batch); err != nil {
			return err
		}
		if readErr != nil {
			return nil
		}
	}
}

// readErrors reads the command's standard error to its end, prints it if asked
// to, and returns its last line.
func (s *Exec) readErrors(r io.Reader) (last string) {
	lines := execLines{logf: s.env.Logf}
	for {
		err := lines.read(r)
		events := lines.next()
		if err != nil {
			events = append(events, lines.rest()...)
		}
		for _, e := range events {
			last = string(e.Body)
			if s.logStdErr {
				s.env.Logf("stderr: %s", last)
			}
		}
		if err != nil {
			return last
		}
	}
}

// Guarantee says what a kill costs.
func (s *Exec) Guarantee() string {
	return "at most once: the command waits for space and nothing is dropped, but what it prints while no agent reads is lost; " +
		"type TAILDIR follows files at least once"
}
