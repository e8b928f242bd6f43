package source

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// problemOf is the problem of one property, or none.
func problemOf(property string, err error, fix string) []flume.Problem {
	if err == nil {
		return nil
	}
	return []flume.Problem{{Property: property, Message: err.Error(), Fix: fix}}
}

const fixPattern = "patterns are those of Java: see its class java.util.regex.Pattern"

// regexFilter keeps events by their body.
type regexFilter struct {
	pattern string
	exclude bool
	re      *pattern
}

func newRegexFilter(p *flume.Properties) Interceptor {
	i := &regexFilter{}
	p.String(&i.pattern, "regex", ".*", "the pattern that is looked for in the body")
	p.Bool(&i.exclude, "excludeEvents", false, "drop the events that it fits, not the others")
	return i
}

func (i *regexFilter) Check() []flume.Problem {
	_, err := newPattern(i.pattern)
	return problemOf("regex", err, fixPattern)
}

func (i *regexFilter) Open(env flume.Env) (err error) {
	if i.re, err = newPattern(i.pattern); err == nil {
		i.re.telling(env.Logf, "the event is kept")
	}
	return err
}

func (i *regexFilter) Intercept(events []flume.Event) []flume.Event {
	kept := events[:0]
	for n := range events {
		if i.re.matches(events[n].Body, !i.exclude) != i.exclude {
			kept = append(kept, events[n])
		}
	}
	return kept
}

// searchReplace changes bodies.
type searchReplace struct {
	search, replacement, charset string
	re                           *pattern
	parts                        groupReplacement
}

func newSearchReplace(p *flume.Properties) Interceptor {
	i := &searchReplace{}
	p.String(&i.search, "searchPattern", "", "the pattern that is looked for in the body").Require()
	p.String(&i.replacement, "replaceString", "", "what replaces each match; $1 is the first group").MayBeEmpty()
	p.String(&i.charset, "charset", "UTF-8", "how bodies are written").Without("patterns look at UTF-8, and other bytes stay as they are")
	return i
}

func (i *searchReplace) Check() []flume.Problem {
	search, err := newPattern(i.search)
	if err != nil {
		return problemOf("searchPattern", err, fixPattern)
	}
	_, err = parseReplacement(i.replacement, search.re)
	return problemOf("replaceString", err, "")
}

func (i *searchReplace) Open(env flume.Env) (err error) {
	if i.re, err = newPattern(i.search); err == nil {
		i.re.telling(env.Logf, "the event stays as it is")
		i.parts, err = parseReplacement(i.replacement, i.re.re)
	}
	return err
}

func (i *searchReplace) Intercept(events []flume.Event) []flume.Event {
	for n := range events {
		events[n].Body = i.re.replace(events[n].Body, i.parts)
	}
	return events
}

// regexExtractor sets headers to the groups of a pattern.
type regexExtractor struct {
	pattern    string
	list       string
	settings   map[string]string // serializers.*
	re         *pattern
	groups     []groupHeader
	logf       func(string, ...any)
	unreadable atomic.Int64
}

// groupHeader is what becomes of one group.
type groupHeader struct {
	header string
	layout *timestamp.Layout // of a time that becomes milliseconds; nil = the text as it is
	form   string            // the layout as the file has it
}

func newRegexExtractor(p *flume.Properties) Interceptor {
	i := &regexExtractor{}
	p.String(&i.pattern, "regex", "", "the pattern that is looked for in the body").Require()
	p.String(&i.list, "serializers", "", "a name for each group of the pattern").Require()
	p.Family(&i.settings, "serializers.", "name (the header), type and pattern of the serializer of a group")
	return i
}

// The classes that make a header of a group.
const (
	passThrough  = "org.apache.flume.interceptor.RegexExtractorInterceptorPassThroughSerializer"
	millisOfTime = "org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer"
)

func (i *regexExtractor) Check() []flume.Problem {
	p, err := newPattern(i.pattern)
	if err != nil {
		return problemOf("regex", err, fixPattern)
	}
	_, problems := i.serializers(p.re.NumSubexp())
	return problems
}

// serializers reads the descriptions of the groups, of which there are most.
func (i *regexExtractor) serializers(most int) (groups []groupHeader, problems []flume.Problem) {
	report := func(property, fix, format string, args ...any) {
		problems = append(problems, flume.Problem{Property: property, Fix: fix, Message: fmt.Sprintf(format, args...)})
	}
	names := strings.Fields(i.list)
	if len(names) > most && i.pattern != "" {
		problems = append(problems, flume.Problem{Property: "serializers", Fix: "put a part of the pattern in brackets for each", Harmless: true,
			Message: fmt.Sprintf("%d serializers, but the pattern has %s: the others set nothing", len(names), plural(most, "group"))})
	}
	for _, name := range names {
		g := groupHeader{header: i.settings[name+".name"]}
		if g.header == "" {
			if meant := i.meansName(name); meant != "" {
				report("serializers."+meant, "did you mean serializers."+name+".name?", "serializer %s has no name", name)
				continue
			}
			report("serializers", "add serializers."+name+".name = HEADER", "serializer %s has no name", name)
		}
		switch class := i.settings[name+".type"]; {
		case class == "" || strings.EqualFold(class, "default") || class == passThrough:
		case class == millisOfTime:
			pattern := i.settings[name+".pattern"]
			g.form = pattern
			var err error
			if g.layout, err = timestamp.NewJavaLayout(pattern); err != nil || pattern == "" {
				report("serializers."+name+".pattern", "write one such as yyyy-MM-dd HH:mm:ss", "serializer %s: want the pattern of a time, not %q", name, pattern)
			}
		default:
			report("serializers."+name+".type", "write default, or "+millisOfTime, "serializer %s has an unknown type %q", name, class)
		}
		groups = append(groups, g)
	}
	return groups, problems
}

func (i *regexExtractor) Open(env flume.Env) (err error) {
	i.logf = env.Logf
	if i.re, err = newPattern(i.pattern); err == nil {
		i.re.telling(env.Logf, "the event gets no headers")
		groups := i.re.re.NumSubexp()
		i.groups, _ = i.serializers(groups)
		i.groups = i.groups[:min(len(i.groups), groups)]
	}
	return err
}

func (i *regexExtractor) Intercept(events []flume.Event) []flume.Event {
	for n := range events {
		m := i.re.find(events[n].Body)
		if m == nil {
			continue
		}
		for k, g := range i.groups {
			begin, end := m[2*k+2], m[2*k+3]
			if begin < 0 {
				continue
			}
			text := events[n].Body[begin:end]
			if g.layout == nil {
				events[n].Headers.Set(g.header, string(text))
				continue
			}
			if ns, ok := g.layout.Parse(text, time.Local); ok {
				events[n].Headers.Set(g.header, strconv.FormatInt(ns/1e6, 10))
			} else if c := i.unreadable.Add(1); c&(c-1) == 0 {
				i.logf("header %s is left out of %s: %q is no time as %s", g.header, plural(int(c), "event"), text, g.form)
			}
		}
	}
	return events
}

// meansName is the setting that was probably meant as the name of a serializer, or
// "".
func (i *regexExtractor) meansName(serializer string) string {
	for _, key := range slices.Sorted(maps.Keys(i.settings)) {
		if rest, found := strings.CutPrefix(key, serializer); found &&
			option.Closest(strings.ToLower(strings.TrimPrefix(rest, ".")), []string{"name"}) != "" {
			return key
		}
	}
	return ""
}
