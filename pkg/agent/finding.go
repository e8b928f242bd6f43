package agent

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Level says how much a finding matters.
type Level int

// The levels of findings.
const (
	Note    Level = iota // good to know
	Warning              // has no effect or is likely a mistake; the agent starts
	Error                // the agent does not start
)

func (l Level) String() string { return [...]string{"note", "warning", "error"}[l] }

// Finding is one thing to know about a property file.
type Finding struct {
	File    string // as it was named; "" where no file is concerned
	Line    int    // from 1; 0 = the file as a whole
	Column  int    // from 1, in characters; 0 = the whole line
	Level   Level
	Message string // what is wrong
	Fix     string // what to do; "" where nothing has to be done

	kind string // the same for findings that differ in their place and names alone
}

// String is the finding in one line, as compilers print theirs.
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, max(1, f.Column))
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", f.Level, shorten(f.Message))
	if f.Fix != "" {
		b.WriteString("; " + shorten(f.Fix))
	}
	return fault.Visible(b.String())
}

// shorten leaves out the middle of what quotes a very long line.
func shorten(text string) string {
	const most = 600
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + " … " + string(runes[len(runes)-most/2:])
}

// Report is the result of a check.
type Report struct {
	Agent    string
	Findings []Finding // by file, line and column

	plan *plan
}

// Count is the number of findings of a level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// mostAlike is how many findings of one kind are worth reading: a file of
// another program has thousands.
const mostAlike = 20

// Brief is the report with the first findings of each kind alone; in place of the
// others stands how many they are.
func (r Report) Brief() Report {
	alike := func(f Finding) string { return f.Level.String() + f.kind }
	total, seen := map[string]int{}, map[string]int{}
	for _, f := range r.Findings {
		total[alike(f)]++
	}
	var brief []Finding
	for _, f := range r.Findings {
		key := alike(f)
		seen[key]++
		switch more := total[key] - mostAlike; {
		case f.kind == "" || more <= 1 || seen[key] <= mostAlike:
			brief = append(brief, f)
		case seen[key] == mostAlike+1:
			f.Message, f.Fix = fmt.Sprintf("%d more like this: %s", more, f.Message), "--all shows them"
			brief = append(brief, f)
		}
	}
	r.Findings = brief
	return r
}

// Write prints the findings, one a line.
func (r Report) Write(w io.Writer) error {
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	return nil
}

// sortFindings orders by file, as the files were named, line and column.
func sortFindings(findings []Finding, files []string) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column))
	})
}

// firstError is the first finding of level Error, or "".
func (r Report) firstError() string {
	for _, f := range r.Findings {
		if f.Level == Error {
			return f.String()
		}
	}
	return ""
}
