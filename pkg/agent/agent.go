// Package agent runs Apache Flume's property files: it reads them as Flume
// does, checks everything before anything starts, and moves events from
// sources through channels into sinks. The format of the files is that of
// java.util.Properties; what the keys mean is in the user guide of Flume 1.11.
package agent

import (
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

	// NoReload is Flume's --no-reload-conf. The files are read once, at start.
	NoReload bool

	// Ready is called once, when every source listens or reads. It may be nil.
	Ready func()
}

// Check reads the files and reports everything that is wrong with the agent,
// without opening or starting anything. The error, which has the exit code of
// wrong usage, tells that there are findings of level Error or that a file
// cannot be read; the report is complete in the first case.
func Check(o Options) (Report, error) {
	p, findings, err := load(o)
	report := Report{Agent: o.Name, Findings: findings}
	if err != nil {
		return report, err
	}
	report.plan = p
	if n := report.Count(Error); n > 0 {
		return report, fault.Usagef("%s: %s; nothing was started", strings.Join(o.Files, ", "), plural(n, "error"))
	}
	return report, nil
}

// load reads and checks the files.
func load(o Options) (*plan, []Finding, error) {
	if len(o.Files) == 0 {
		return nil, nil, fault.Hint(fault.Usagef("no property file given"), "name one with -f FILE")
	}
	var entries []*entry
	var findings []Finding
	for _, name := range o.Files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fault.With(fault.Usage, fmt.Errorf("read property file: %w", err))
		}
		more, wrong := parseProperties(name, data)
		entries = append(entries, more...)
		findings = append(findings, wrong...)
	}
	l := &linter{tree: newTree(o.Name), findings: findings, system: o.Properties}
	l.read(entries)
	l.checkSystemProperties(o.Properties)
	p := l.check(o.Files)
	sortFindings(l.findings, o.Files)
	return p, l.findings, nil
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
