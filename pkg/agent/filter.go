package agent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// configFilter gives values that a property file does not hold: the file says
// `${f1['key']}`.
type configFilter interface {
	// runs reports whether looking up starts a program, which a check does not.
	runs() bool
	// lookup ends when ctx does.
	lookup(ctx context.Context, key string) (string, error)
	// nothing says of a filter of that name that its value is empty, and what to do.
	nothing(name, key string) string
}

// filterTypes is the table of config filters.
func filterTypes() flume.Table[configFilter] {
	const class = "org.apache.flume.configfilter."
	return flume.Table[configFilter]{
		{Alias: "env", Classes: []string{class + "EnvironmentVariableConfigFilter"}, New: newEnvFilter,
			Help: "variables of the environment"},
		{Alias: "external", Classes: []string{class + "ExternalProcessConfigFilter"}, New: newExternalFilter,
			Help: "what a program prints"},
		{Alias: "hadoop", Classes: []string{class + "HadoopCredentialStoreConfigFilter"},
			Instead: "type external with a program that prints the secret, or type env"},
	}
}

type envFilter struct{}

func newEnvFilter(*flume.Properties) configFilter { return envFilter{} }

func (envFilter) runs() bool { return false }

func (envFilter) lookup(_ context.Context, key string) (string, error) {
	value, found := os.LookupEnv(key)
	if !found {
		return "", fmt.Errorf("the environment has no variable %s", key)
	}
	return value, nil
}

func (envFilter) nothing(name, key string) string {
	return fmt.Sprintf("config filter %s has no value for %s: that variable is empty; set it before the agent starts", name, key)
}

// filterWait is how long the program of an external config filter may run.
const filterWait = 10 * time.Second

type externalFilter struct {
	command, charset string
	wait             time.Duration
	late             string // the key for which there was no answer in time
}

func newExternalFilter(p *flume.Properties) configFilter {
	f := &externalFilter{wait: filterWait}
	p.String(&f.command, "command", "", "the program; the key is its last argument").Require()
	p.Choice(&f.charset, "charset", "UTF-8", []string{"UTF-8", "US-ASCII", "ISO-8859-1"}, "how it prints text")
	return f
}

func (f *externalFilter) runs() bool { return true }

// lookup runs the program and takes the first line that it prints. A program that
// did not end in time is not run again: it would take as long for each key.
func (f *externalFilter) lookup(ctx context.Context, key string) (string, error) {
	words := append(strings.Fields(f.command), key)
	if f.late != "" {
		return "", fmt.Errorf("%s was not run, as it did not end for %s", strings.Join(words, " "), f.late)
	}
	limited, cancel := context.WithTimeoutCause(ctx, f.wait, fmt.Errorf("it did not end within %v", f.wait))
	defer cancel()
	out, err := source.Ask(limited, words)
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			f.late = key
		}
		return "", fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	line, _, _ := bytes.Cut(out, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if f.charset == "ISO-8859-1" {
		var b strings.Builder
		for _, c := range line {
			b.WriteRune(rune(c))
		}
		return b.String(), nil
	}
	return strings.ToValidUTF8(string(line), "\uFFFD"), nil
}

func (f *externalFilter) nothing(name, key string) string {
	return fmt.Sprintf("config filter %s has no value for %s: %s %s printed nothing; run that command by hand: the first line that it prints is the value",
		name, key, strings.Join(strings.Fields(f.command), " "), key)
}

// filterUse is `${name['key']}`, the key also in double quotes or bare.
var filterUse = regexp.MustCompile(`\$\{([\w-]+)\[(?:'([-.\w]+)'|"([-.\w]+)"|([-.\w]+))\]\}`)

// applyFilters replaces what values take from config filters, and reports
// whether there is one that runs a program.
func (l *linter) applyFilters() (run bool) {
	filters := map[string]configFilter{}
	for _, name := range l.listed(configFilters) {
		if c := checkPart(l, configFilters, name, filterTypes(), "type"); c.ok() {
			filters[name] = c.built
			run = run || c.built.runs()
		}
	}
	for _, p := range l.order {
		if p.kind == configFilters {
			continue
		}
		for _, name := range p.names {
			l.filterValue(p.values[name], filters)
		}
	}
	return run
}

// filterValue replaces what one value takes from config filters.
func (l *linter) filterValue(e *entry, filters map[string]configFilter) {
	seen := map[string]string{}
	e.value = filterUse.ReplaceAllStringFunc(e.value, func(use string) string {
		if value, done := seen[use]; done {
			return value
		}
		seen[use] = use
		m := filterUse.FindStringSubmatch(use)
		f, key := filters[m[1]], m[2]+m[3]+m[4]
		if f == nil {
			return use // reported as a reference to nothing
		}
		e.forget(strings.TrimSuffix(strings.TrimPrefix(use, "${"), "}"))
		e.filter = m[1]
		if f.runs() && !l.live {
			e.deferred = true
			return use
		}
		value, err := f.lookup(l.asking, key)
		if err != nil && l.asking.Err() != nil {
			e.deferred = true // the agent ends
			return use
		}
		if err != nil {
			fix := "set the variable before the agent starts"
			if f.runs() {
				fix = "run that command by hand: the first line that it prints is the value"
			}
			l.report(Error, e.valueAt, fix, "config filter %s has no value for %s: %v", m[1], key, err)
			e.deferred = true
			return use
		}
		if value == "" {
			e.nothing = f.nothing(m[1], key)
		}
		seen[use] = value
		return value
	})
}

// forget takes a reference off the list of those that nothing stands for.
func (e *entry) forget(name string) {
	for i, r := range e.unresolved {
		if r.name == name {
			e.unresolved = append(e.unresolved[:i:i], e.unresolved[i+1:]...)
			return
		}
	}
}

// filterMissed reports a reference to a config filter that nothing replaces.
func (l *linter) filterMissed(e *entry, what, text string) {
	filter, _, _ := strings.Cut(text[len("${"):], "[")
	listed := slices.Contains(l.listed(configFilters), filter)
	list := join(l.name, configFilters)
	switch {
	case listed && filterUse.MatchString(text):
		l.report(Error, e.valueAt, "mend the filter", "%s: nothing replaces %s: config filter %s does not work", what, text, filter)
	case listed:
		l.report(Error, e.valueAt, "write "+"${"+filter+"['KEY']} with such a key",
			"%s: nothing replaces %s: keys of config filters have letters, digits, - and _ alone", what, text)
	case l.parts[configFilters][filter] == nil:
		l.report(Error, e.valueAt, fmt.Sprintf("add %s = %s and %s.%s.type = env", list, filter, list, filter),
			"%s: nothing replaces %s: there is no config filter %s", what, text, filter)
	default:
		l.report(Error, e.valueAt, fmt.Sprintf("list it: %s = %s", list, filter),
			"%s: nothing replaces %s: there is no config filter %s", what, text, filter)
	}
}

// checkReferences reports the references of a component that stay as they are.
func (l *linter) checkReferences(p *part, name string) {
	e := p.values[name]
	for _, r := range e.unresolved {
		text := "${" + r.name + "}"
		plain := r.why == "" && !strings.ContainsAny(r.name, ".:[")
		// In the name of a place it leads events to another one.
		level := Warning
		if isPlace(name) {
			level = Error
		}
		shell := name == "command" || name == "shell" || strings.HasSuffix(name, "replaceString")
		_, inEnv := os.LookupEnv(r.name)
		switch {
		case plain && shell:
			// A shell variable, or a group of a pattern.
		case r.why != "":
			fix := "write the value itself"
			switch {
			case strings.HasPrefix(r.name, "env:"):
				fix = "set it, or write a default: ${" + r.name + ":-VALUE}"
			case strings.HasPrefix(r.name, "sys:"): // the reason says how
				fix = "or write a default: ${" + r.name + ":-VALUE}"
			}
			l.report(Error, e.valueAt, fix, "%s of %s %s: nothing replaces %s: %s", name, singular[p.kind], p.name, text, r.why)
		case plain && inEnv:
			l.note(level, e.valueAt, "write ${env:"+r.name+"}", "%s of %s %s: %s is no reference and stays as it is", name, singular[p.kind], p.name, text)
		case plain:
			l.note(level, e.valueAt, "write ${env:NAME}, ${sys:NAME} or a key of the file", "%s of %s %s: nothing replaces %s, it stays as it is", name, singular[p.kind], p.name, text)
		case strings.Contains(r.name, "["):
			l.filterMissed(e, name+" of "+singular[p.kind]+" "+p.name, text)
		default:
			l.report(Error, e.valueAt, "write ${env:NAME}, ${sys:NAME} or a key of the file",
				"%s of %s %s: nothing replaces %s", name, singular[p.kind], p.name, text)
		}
		if !plain {
			e.deferred = true // reported
		}
	}
}
