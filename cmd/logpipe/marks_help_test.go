//go:build unix

package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

// TestMarksVector reads the test vector out of the help for the authors of other tools,
// and writes its control lines again.
func TestMarksVector(t *testing.T) {
	help := marksHelp()
	at := strings.Index(help, `{"@logpipe":"open","token":"9f2c"`)
	if at < 0 {
		t.Fatal("the help has no test vector")
	}
	vector := help[at:]
	var got, lines strings.Builder
	r := stream.NewMarkedReader(strings.NewReader(vector), "", nil)
	for {
		b, err := r.Read(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b.Data)) {
			fmt.Fprintf(&got, "%s %s", b.Source, line)
		}
		for _, c := range b.Control {
			fmt.Fprintf(&got, "<%s>\n", c.Kind)
			lines.Write(c.AppendLine(nil))
		}
	}
	const want = "<open>\n<reset>\naccess/0 one\naccess/0 two\n<mark>\naccess/1 three\n<watermark>\n<watermark>\n" +
		"access/1 {\"@logpipe\":\"mark\"}\n<mark>\n"
	if got.String() != want {
		t.Errorf("read:\n%swant:\n%s", got.String(), want)
	}
	for line := range strings.Lines(lines.String()) {
		if !strings.Contains(vector, line) {
			t.Errorf("written otherwise than in the vector: %s", line)
		}
	}
}

// TestMarksVectorAddsUp ends the test vector with commit: no command of it has lost a
// record, and the group that it names is asked.
func TestMarksVectorAddsUp(t *testing.T) {
	cmd := start(t, "logpipe", "commit", "--strict")
	got := finish(t, cmd, strings.ReplaceAll(marksVector, "127.0.0.1:9092", cluster(t)))
	const sums = "the pipe: consume in 5 out 5; parse in 5 out 4 rejected 1; commit in 4 out 4\n"
	if !strings.Contains(got.err, sums) || !strings.Contains(got.err, `who has read for group "web" is no member of it`) {
		t.Errorf("exit code %d, want %s%s", got.code, sums, got.err)
	}
	if want := "one\ntwo\nthree\n{\"@logpipe\":\"mark\"}\n"; got.out != want {
		t.Errorf("%q, want %q", got.out, want)
	}
}

// TestMarksFields holds that the help tells of each field that a control line may have.
func TestMarksFields(t *testing.T) {
	help := marksHelp()
	help = help[:strings.Index(help, "A test vector")]
	fields := reflect.TypeFor[stream.Control]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		if name != "" && !strings.Contains(help, `"`+name+`"`) {
			t.Errorf("the help does not tell of %q", name)
		}
	}
}
