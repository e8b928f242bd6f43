package agent

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzCheck holds that a check of any text ends, that every finding has a place
// in the text, and that what passes can be drawn.
func FuzzCheck(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "agent", "lint", "*.txt"))
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		conf, _, _ := strings.Cut(string(text), "\n----")
		f.Add(conf, false)
		f.Add(conf, true)
	}
	f.Fuzz(func(t *testing.T, text string, lenient bool) {
		if len(text) > 1<<14 {
			t.Skip("long")
		}
		o := Options{Name: "a1", Files: []string{"a.conf"}, Lenient: lenient, Properties: map[string]string{"x": "y"}}
		report, err := check(o, []propertyFile{{"a.conf", []byte(text)}}, purpose{})
		lines := strings.FieldsFunc(text+"x", func(r rune) bool { return r == '\n' || r == '\r' })
		for _, finding := range report.Findings {
			if finding.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 || finding.Line < 0 || finding.Column < 0 || len(lines) == 0 {
				t.Errorf("no such place: %v", finding)
			}
			if strings.ContainsAny(finding.String(), "\n\r") {
				t.Errorf("more than a line: %q", finding)
			}
		}
		if err == nil && report.plan == nil || err != nil && report.Count(Error) == 0 {
			t.Errorf("%v with %v", err, report.Findings)
		}
		if err != nil {
			return
		}
		if err := report.Explain(io.Discard); err != nil {
			t.Error(err)
		}
		if err := report.Mermaid(io.Discard); err != nil {
			t.Error(err)
		}
	})
}
