package source

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A position file that is not whole is told, and what it does not say is read
// from its beginning, in spite of skipToEnd: a repetition is better than a loss.
func TestTaildirPositionsDamaged(t *testing.T) {
	tests := []struct {
		name string
		text func(whole string) string // of the position file that a run has left
		want []string                  // of a.log and b.log, of which "1" was read
		told string
		kept bool
	}{
		{"whole", func(whole string) string { return whole }, []string{"2", "2"}, "", false},
		{"empty", func(string) string { return "" }, []string{"1", "1", "2", "2"}, "is empty, although", false},
		{"blank", func(string) string { return "\n" }, []string{"1", "1", "2", "2"}, "is empty, although", false},
		{"cut off", func(whole string) string { return whole[:strings.Index(whole, "},")+4] }, []string{"1", "2", "2"},
			"damaged (unexpected EOF): 1 position was read from it", true},
		{"no list", func(string) string { return "x" }, []string{"1", "1", "2", "2"},
			"damaged (want a list of positions): 0 positions were read from it", true},
	}
	for _, test := range tests {
		for _, skip := range []string{"", "skipToEnd=true"} {
			t.Run(test.name+skip, func(t *testing.T) {
				x := newTailTest(t)
				x.add("a.log", "1\n")
				x.add("b.log", "1\n")
				r := start(t, x.source(`.*`))
				wantBodies(t, r.take(t, 2), "1", "1")
				wantBodies(t, x.end(r))
				text, err := os.ReadFile(x.pos)
				x.must(err)
				x.must(os.WriteFile(x.pos, []byte(test.text(string(text))), 0o666))
				settings := []string{}
				if skip != "" {
					settings = append(settings, skip)
				}
				r = start(t, x.source(`.*`, settings...))
				x.add("a.log", "2\n")
				x.add("b.log", "2\n")
				got := r.take(t, len(test.want))
				slices.Sort(got)
				wantBodies(t, got, test.want...)
				wantBodies(t, x.end(r))
				told := r.diary.String()
				begin := test.told != "" && strings.Contains(told, "files without one begin at their beginning")
				spite := strings.Contains(told, "in spite of skipToEnd")
				if !strings.Contains(told, test.told) || begin != (test.told != "") || spite != (begin && skip != "") {
					t.Errorf("told %s", told)
				}
				if _, err := os.Stat(x.pos + ".damaged"); (err == nil) != test.kept {
					t.Errorf("a copy: %v", err)
				}
			})
		}
	}
}
