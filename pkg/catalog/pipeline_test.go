package catalog

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestTable(t *testing.T) {
	seen := make(map[string]bool)
	groups := make(map[Group]bool)
	for _, h := range Groups() {
		groups[h.Group] = true
	}
	for _, c := range Commands() {
		if seen[c.Name] {
			t.Errorf("%s stands twice in the table", c.Name)
		}
		seen[c.Name] = true
		if name, _, _ := strings.Cut(c.Usage, " "); name != c.Name {
			t.Errorf("%s: the usage is that of %q", c.Name, name)
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || !groups[c.Group] || len(c.Examples) == 0 {
			t.Errorf("%s: short %q, group %q, %d examples", c.Name, c.Short, c.Group, len(c.Examples))
		}
		letters := make(map[string]bool)
		for _, o := range c.New().Settings.All() {
			if o.Help == "" || o.Letter != "" && letters[o.Letter] || len(o.Letter) > 1 {
				t.Errorf("%s: flag --%s, letter %q, help %q", c.Name, o.Name, o.Letter, o.Help)
			}
			letters[o.Letter] = true
		}
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{
		"head",
		"head 3 | head 2",
		"logpipe head 3 | logpipe head 2",
		"gen access -n 3 | head",
		"gen access -n 3",
	} {
		if _, err := Parse("", text, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want, hint string }{
		{"haed", `column 1: "haed" is not a stage`, "did you mean head?"},
		{"head | jq .", `column 8: "jq" is not a stage`, "logpipe … | jq …"},
		{"head | logpipe", "column 8: logpipe without a command", "head"},
		{"head x", "column 1: head: want a number of records", ""},
		{"gen access --cuont 3", "column 1: gen: unknown flag --cuont", "did you mean --count?"},
		{"head --strict", "head: unknown flag --strict", "before the pipeline"},
		{"head | gen access", "column 8: gen brings records in", "begin"},
		{"gen acces", `gen: unknown kind of data "acces"`, "did you mean access?"},
		{"gen", "gen: say which kind", "access"},
		{"gen access tracks", "gen takes one kind", ""},
		{"gen access --batch 3", "batch size without", "--every"},
		{"gen access --start yesterday", "--start", "2026-03-01"},
	} {
		_, err := Parse("", c.text, nil)
		if err == nil {
			t.Errorf("%s is accepted", c.text)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s: %v (hint: %s)", c.text, err, fault.HintOf(err))
		}
		if fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: exit code %d", c.text, fault.CodeOf(err))
		}
	}
}

// lines is a stage that reads lines; objects one that reads records.
type stage struct{ input stream.Input }

func (stage) Name() string          { return "stage" }
func (s stage) Input() stream.Input { return s.input }
func (stage) UsesClock() bool       { return true }

type sink struct{}

func (sink) Open(context.Context, *stream.Env) (stream.Sink, error) { return nil, nil }

func TestFits(t *testing.T) {
	part := func(name string, in stream.Input, text bool) Part {
		return Part{Command: Command{Name: name, Text: text}, Stage: stage{in}}
	}
	end := Part{Command: Command{Name: "produce"}, Sink: sink{}}
	files := part("parse", stream.Lines, false)
	files.Files = []string{"x.log"}
	for _, c := range []struct {
		parts []Part
		want  string
	}{
		{[]Part{part("where", stream.Objects, false), part("table", stream.Objects, true)}, ""},
		{[]Part{part("table", stream.Objects, true), part("head", stream.Lines, false)}, ""},
		{[]Part{part("table", stream.Objects, true), part("where", stream.Objects, false)}, "table writes text"},
		{[]Part{part("where", stream.Objects, false), end}, ""},
		{[]Part{end, part("where", stream.Objects, false)}, "can only be the last stage"},
		{[]Part{files, part("where", stream.Objects, false)}, ""},
		{[]Part{part("where", stream.Objects, false), files}, "not x.log"},
	} {
		p := &Pipeline{Parts: c.parts}
		var got string
		for i := range p.Parts {
			if err := p.fits(i); err != nil {
				got = err.Error()
			}
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s first: %q, want %q", c.parts[0].Command.Name, got, c.want)
		}
	}
}

func TestShell(t *testing.T) {
	for _, c := range []struct {
		text   string
		files  []string
		shared []string
		want   string
	}{
		{"gen access -n 3 | head 2", nil, nil, "logpipe gen access -n 3 | logpipe head 2"},
		{`head "3"`, nil, []string{"--tz", "Europe/Berlin"}, "logpipe head --tz Europe/Berlin 3"},
		{"head 3", []string{"a b.log", "it's"}, nil, `logpipe parse json 'a b.log' 'it'\''s' | logpipe head 3`},
		{"head 3", []string{"-x.log"}, nil, "logpipe parse json -- -x.log | logpipe head 3"},
	} {
		p, err := Parse("", c.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Shell(c.files, c.shared); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	p, err := Parse("", "gen access --rate 5 | head 2 | aggregate count", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := p.Explain("standard input", "standard output", 2)
	for _, want := range []string{"gen          source; depends on the clock", "head         in input order",
		"aggregate    a table on one core", "output       standard output"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	p, err = Parse("", "aggregate count", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Explain("standard input", "standard output", 2); !strings.Contains(got, "a table per worker on 2 cores") {
		t.Error(got)
	}
}

func TestSettings(t *testing.T) {
	var asked []string
	_, err := Parse("", "gen access -n 3 --rate 5", func(set *option.Set, given []string) error {
		asked = given
		return set.Lookup("seed").Value.Set("8")
	})
	if err != nil || strings.Join(asked, " ") != "count rate" {
		t.Errorf("%v, given %v", err, asked)
	}
}

// TestGenSource reads a generator as blocks and as it paces itself.
func TestGenSource(t *testing.T) {
	read := func(text string) string {
		p, err := Parse("", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		src, err := p.Source().Open(t.Context(), &stream.Env{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for {
			block, err := src.Read(t.Context())
			if err == io.EOF {
				return b.String()
			}
			if err != nil {
				t.Fatal(err)
			}
			b.Write(block.Data)
			block.Free()
		}
	}
	fast := read("gen access -n 20000 --seed 3")
	if n := strings.Count(fast, "\n"); n != 20000 {
		t.Errorf("%d lines", n)
	}
	paced := read("gen access -n 100 --seed 3 --rate 100000 --start 2026-03-01T00:00:00Z --step 10ms")
	if !strings.HasPrefix(fast, paced) || strings.Count(paced, "\n") != 100 {
		t.Errorf("paced lines differ: %.200s", paced)
	}
}
