package agent

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink"
	"github.com/logpipe/logpipe/pkg/source"
)

// flumeComponent is an entry of testdata/agent/components.txt.
type flumeComponent struct {
	kind       string
	names      []string
	properties []string
	required   []string
	defaults   []string // PROPERTY=VALUE
	values     []string // PROPERTY=VALUE
	refused    []string // PROPERTY=VALUE words
	instead    string
	counters   []string // with SOURCE and so on spelt out
	tests      []string
}

func flumeComponents(t *testing.T) (all []*flumeComponent) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "agent", "components.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var c *flumeComponent
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		what, rest, _ := strings.Cut(line, ": ")
		switch {
		case line == "" || line[0] == '#':
		case what == "properties":
			c.properties = strings.Fields(rest)
		case what == "required":
			c.required = strings.Fields(rest)
		case what == "defaults":
			c.defaults = strings.Fields(rest)
		case what == "value":
			c.values = append(c.values, rest)
		case what == "not":
			c.refused = append(c.refused, rest)
		case what == "instead":
			c.instead = rest
		case what == "counters":
			c.counters = spelt(strings.Fields(rest))
		case what == "tests":
			c.tests = strings.Fields(rest)
		default:
			words := strings.Fields(line)
			c = &flumeComponent{kind: words[0], names: words[1:]}
			all = append(all, c)
		}
	}
	return all
}

// testNames are the functions of tests and the scripts that there are.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, root := range []string{"pkg", "cmd", "testdata/script"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasSuffix(path, ".txtar"):
				names[filepath.Base(path)] = true
			case strings.HasSuffix(path, "_test.go"):
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				for _, m := range function.FindAllSubmatch(data, -1) {
					names[string(m[1])] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestComponents holds that every component of Flume is there under all of its
// names and with all of its properties, or says what to do instead; that the
// tests are there which show it; and that no component of ours is left out.
func TestComponents(t *testing.T) {
	tests := testNames(t)
	known := map[string]int{}
	for _, c := range flumeComponents(t) {
		known[c.kind]++
		switch c.kind {
		case "source":
			compareComponent(t, c, source.Types())
		case "channel":
			compareComponent(t, c, channel.Types())
		case "sink":
			compareComponent(t, c, sinkTypes())
		case "selector":
			compareComponent(t, c, source.Selectors())
		case "processor":
			compareComponent(t, c, sink.Processors())
		case "interceptor":
			for _, name := range c.names {
				if strings.Contains(name, ".") {
					c.names = append(c.names, name+"$Builder")
				}
			}
			compareComponent(t, c, interceptorTypes())
		case "configfilter":
			compareComponent(t, c, filterTypes())
		case "client":
			if clientClasses[c.names[1]] != c.names[0] {
				t.Errorf("no client %s", c.names[0])
			}
		default:
			t.Errorf("%s %v: an unknown kind", c.kind, c.names)
		}
		for _, name := range c.tests {
			if !tests[name] {
				t.Errorf("%s %s: there is no test %s", c.kind, c.names[0], name)
			}
		}
		if (c.instead == "") == (len(c.tests) == 0) {
			t.Errorf("%s %s has neither tests nor what to do instead, or both", c.kind, c.names[0])
		}
	}
	ours := map[string]int{"source": len(source.Types()), "channel": len(channel.Types()), "sink": len(sinkTypes()) - 1, "selector": len(source.Selectors()),
		"processor": len(sink.Processors()), "interceptor": len(interceptorTypes()) - 1, "configfilter": len(filterTypes()), "client": len(clientClasses)}
	for kind, n := range ours { // pipe is ours alone
		if known[kind] != n {
			t.Errorf("%d components of kind %s, of which the list has %d", n, kind, known[kind])
		}
	}
}

func compareComponent[C any](t *testing.T, c *flumeComponent, table flume.Table[C]) {
	t.Helper()
	var typ *flume.Type[C]
	for i, name := range c.names {
		found := table.Lookup(name)
		if found == nil || i > 0 && found != typ {
			t.Errorf("%s %s: %s is not the name of it", c.kind, c.names[0], name)
			return
		}
		typ = found
	}
	if c.instead != "" || typ.New == nil {
		if typ.New != nil || c.instead == "" || !strings.HasPrefix(typ.Instead, c.instead) {
			t.Errorf("%s %s: instead: %q, want %q", c.kind, c.names[0], typ.Instead, c.instead)
		}
		return
	}
	var p flume.Properties
	typ.New(&p)
	for _, name := range c.properties {
		family := strings.HasSuffix(name, ".")
		if family {
			name += "x"
		}
		if q, _ := p.Lookup(name); q == nil || family && !q.Family {
			t.Errorf("%s %s has no property %s", c.kind, c.names[0], name)
		}
	}
	compareDefaults(t, c, &p)
	for _, setting := range c.values {
		if words := judge(t, typ, setting); words != "" {
			t.Errorf("%s %s: %s: %s", c.kind, c.names[0], setting, words)
		}
	}
	for _, row := range c.refused {
		setting, want, _ := strings.Cut(row, " ")
		if words := judge(t, typ, setting); !strings.Contains(words, want) {
			t.Errorf("%s %s: %s: %q, want %q", c.kind, c.names[0], setting, words, want)
		}
	}
}

// compareDefaults holds which properties have to be set, and what the others are
// where they are not. An older name has those of the newer one.
func compareDefaults(t *testing.T, c *flumeComponent, p *flume.Properties) {
	t.Helper()
	var required, defaults []string
	for _, name := range c.properties {
		q, _ := p.Lookup(name)
		if q == nil || q.Family || q.Name != name {
			continue
		}
		if q.Required {
			required = append(required, name)
		}
		if q.Default != "" {
			defaults = append(defaults, name+"="+q.Default)
		}
	}
	if !slices.Equal(required, c.required) {
		t.Errorf("%s %s requires %q, want %q", c.kind, c.names[0], required, c.required)
	}
	if !slices.Equal(defaults, c.defaults) {
		t.Errorf("%s %s has the defaults\n%s\nwant\n%s", c.kind, c.names[0], strings.Join(defaults, " "), strings.Join(c.defaults, " "))
	}
}

// judge sets one property, and returns what is said of it.
func judge[C any](t *testing.T, typ *flume.Type[C], setting string) string {
	t.Helper()
	var p flume.Properties
	c := typ.New(&p)
	name, value, _ := strings.Cut(setting, "=")
	q, _ := p.Lookup(name)
	if q == nil {
		return "no such property"
	}
	if err := q.Assign(name, value); err != nil {
		return err.Error()
	}
	checker, ok := any(c).(flume.Checker)
	if !ok {
		return ""
	}
	for _, problem := range checker.Check() {
		if problem.Property == name || strings.HasPrefix(name, problem.Property+".") || slices.Contains(strings.Split(problem.Property, "."), "encryption") {
			return fmt.Sprintf("%s; %s", problem.Message, problem.Fix)
		}
	}
	return ""
}
