package agent

import (
	"fmt"
	"strings"
	"testing"
)

// A file of another program, or a letter, has findings by the thousand: the first
// of each kind are enough to see it.
func TestBrief(t *testing.T) {
	var text strings.Builder
	text.WriteString(plain)
	for i := range 500 {
		fmt.Fprintf(&text, "junk%d = x\na1.channels.c1.word%d = x\n", i, i)
	}
	for i := range 21 { // one more than is shown is no more to read than its count
		fmt.Fprintf(&text, "; %d\n", i)
	}
	report, err := check(Options{Name: "a1", Files: []string{"a.conf"}}, []propertyFile{{"a.conf", []byte(text.String())}}, purpose{})
	if err != nil || report.Count(Warning) != 1021 {
		t.Fatalf("%v: %d warnings", err, report.Count(Warning))
	}
	brief := report.Brief()
	var b strings.Builder
	brief.Write(&b)
	for want, n := range map[string]int{
		"warning: junk": 20, "has no property": 21, "this is no comment": 21, "more like this": 2, "\n": 63,
		"a.conf:51:1: warning: 480 more like this: junk20 has no effect: a key without a dot is no component's; --all shows them\n":       1,
		"a.conf:52:16: warning: 480 more like this: channel c1 (memory) has no property \"word20\"; it has no effect; --all shows them\n": 1,
	} {
		if got := strings.Count(b.String(), want); got != n {
			t.Errorf("%q %d times, not %d, in\n%s", want, got, n, b.String())
		}
	}
	if len(report.Findings) != 1021 {
		t.Error("the report itself was cut")
	}
}
