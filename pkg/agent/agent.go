// Package agent runs Apache Flume's property files: it reads them as Flume
// does, checks everything before anything starts, and moves events from
// sources through channels into sinks. The format of the files is that of
// java.util.Properties; what the keys mean is in the user guide of Flume 1.11.
package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Options say which agent to run and how.
type Options struct {
	Name  string        // the agent in the files
	Files []string      // property files; a later one overrides an earlier one
	Grace time.Duration // how long channels may drain after the end was asked for; 0 = not at all

	// Properties are Java's system properties (-Dk=v). The console log level
	// (flume.root.logger) is accepted: events and messages are printed anyway.
	Properties map[string]string

	Stdout io.Writer // the events of logger sinks; nil = os.Stdout
	Stderr io.Writer // messages and findings; nil = os.Stderr

	// State is the folder for events that a sink can never deliver.
	State string

	// NoReload is Flume's --no-reload-conf: a change of the files is not noticed.
	NoReload bool
	// Poll is how often the files are looked at; 0 = every second. A good change
	// restarts the components that it concerns, a bad one is told and changes
	// nothing.
	Poll time.Duration
	// Reload asks for a look at the files now. It may be nil.
	Reload <-chan os.Signal

	// Lenient starts what Flume would start: components with mistakes are left
	// out, the others run.
	Lenient bool

	// All prints every finding, also where many are alike.
	All bool

	// Ready is called once, when every source listens or reads. It may be nil.
	Ready func()

	// AtLeave is told what to call where the program ends without waiting for
	// the agent, which counts then what is lost; forget takes it back. It may be
	// nil.
	AtLeave func(f func()) (forget func())
}

func (o Options) poll() time.Duration {
	if o.Poll <= 0 {
		return time.Second
	}
	return o.Poll
}

// Check reads the files and reports everything that is wrong with the agent,
// without opening or starting anything. The error, which has the exit code of
// wrong usage, tells that there are findings of level Error or that a file
// cannot be read; the report is complete in the first case.
func Check(o Options) (Report, error) {
	texts, err := readFiles(o.Files)
	if err != nil {
		return Report{Agent: o.Name}, err
	}
	return check(o, texts, purpose{})
}

// propertyFile is the text of a property file.
type propertyFile struct {
	name string
	data []byte
}

func readFiles(names []string) ([]propertyFile, error) {
	if len(names) == 0 {
		return nil, fault.Hint(fault.Usagef("no property file given"), "name one with -f FILE")
	}
	var texts []propertyFile
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fault.With(fault.Usage, fmt.Errorf("read property file: %w", err))
		}
		texts = append(texts, propertyFile{name, data})
	}
	return texts, nil
}

// purpose is what files are checked for.
type purpose struct {
	live     bool            // components are made: config filters may run their programs
	asking   context.Context // these end with it; nil = never
	starting bool            // the agent starts, on this machine

	// runs are the fingerprints of the components that run, by kind.name: they
	// have what they need.
	runs map[string]string
}

// check reports what is wrong and plans what Flume would run.
func check(o Options, texts []propertyFile, why purpose) (Report, error) {
	people, meant := lintFiles(o, texts, linter{})
	flume, p := lintFiles(o, texts, linter{live: why.live, asking: why.asking, asFlume: true})
	people.judgeGuesses(p, people.tree, flume.tree)
	flume.judgeGuesses(p, people.tree, flume.tree)
	l := people
	if people.countErrors() == 0 && flume.countErrors() > 0 {
		l = flume
	}
	if why.live {
		meant = p // the other one has no values of programs
	}
	l.survey(meant, func(p *part) bool {
		return why.starting && !o.Lenient && why.runs[p.kind+"."+p.name] != fingerprint(p)
	})
	findings := l.findings
	sortFindings(findings, o.Files)
	report := Report{Agent: o.Name, Findings: findings}
	n := report.Count(Error)
	if n == 0 || o.Lenient && len(p.sources)+len(p.sinks) > 0 {
		report.plan = p
		return report, nil
	}
	return report, fault.Usagef("%s: %s; nothing was started", strings.Join(o.Files, ", "), plural(n, "error"))
}

// lintFiles reads and checks the files once.
func lintFiles(o Options, texts []propertyFile, l linter) (*linter, *plan) {
	if l.asking == nil {
		l.asking = context.Background()
	}
	l.tree, l.system = newTree(o.Name), o.Properties
	var entries []*entry
	for _, text := range texts {
		more, wrong := parseProperties(text.name, text.data)
		entries = append(entries, more...)
		l.findings = append(l.findings, wrong...)
	}
	substitute(entries, o.Properties)
	l.read(l.legible(entries))
	l.checkSystemProperties(o.Properties)
	return &l, l.check(o.Files)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
