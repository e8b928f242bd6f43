package cli

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// testApp is an App whose standard streams are buffers.
func testApp(in string) (a *App, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	a = New(&Streams{In: strings.NewReader(in), Out: out, Err: errs})
	a.Environ = func(string) (string, bool) { return "", false }
	a.Shared.OnError, a.Shared.TZ = "skip", "UTC"
	a.SetCommand("test")
	return a, out, errs
}

func TestExcerpt(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"plain text", "`plain text`"},
		{"it's \"quoted\"", "`it's \"quoted\"`"},
		{"tab\tnul\x00esc\x1b", "`tab\\tnul\\x00esc\\x1b`"},
		{"bad \xff\xfe bytes", "`bad \\xff\\xfe bytes`"},
		{"größe 名前", "`größe 名前`"},
		{strings.Repeat("a", 60), "`" + strings.Repeat("a", 60) + "`"},
		{strings.Repeat("a", 61), "`" + strings.Repeat("a", 60) + "…`"},
		{strings.Repeat("é", 400), "`" + strings.Repeat("é", 60) + "…`"},
	} {
		if got := excerpt([]byte(c.line)); got != c.want {
			t.Errorf("excerpt(%q) = %s, want %s", c.line, got, c.want)
		}
	}
}

type kind struct{ error }

func (kind) Reason() string { return "of a kind" }

func TestReasonOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("want a number at column 17"), "want a number at column N"},
		{errors.New(`field "page": no "x 3"`), `field …: no …`},
		{errors.New("want a time such as 2026-11-20T10:00:00.000Z, not 7"), "want a time such as 2026-11-20T10:00:00.000Z, not N"},
		{errors.New("5: a line such as 7"), "N: a line such as 7"},
		{errors.New("an open `quote"), "an open …"},
		{fmt.Errorf("with %w", kind{errors.New("text 5")}), "of a kind"},
	} {
		if got := reasonOf(c.err); got != c.want {
			t.Errorf("reasonOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func rejection(i int, reason string) stream.Rejection {
	return stream.Rejection{Reject: stream.Reject{Line: []byte("line"), Err: errors.New(reason)}, Stage: "test", Num: int64(i)}
}

func TestRejects(t *testing.T) {
	a, _, errs := testApp("")
	r, err := newRejects(a, &sideFiles{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 7; i++ {
		if err := r.add(rejection(i, "bad")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if err := r.add(rejection(i, strings.Repeat("x", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.add(stream.Rejection{Reject: stream.Reject{Late: true}}); err != nil {
		t.Fatal(err)
	}
	r.summary()
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if len(lines) != 6 || lines[0] != "logpipe test: stdin:1: bad: `line`" ||
		!strings.HasPrefix(lines[5], "logpipe test: rejected 107: 7 × bad; 1 × ") ||
		!strings.HasSuffix(lines[5], "; 96 × other reasons") || strings.Count(lines[5], "other reasons") != 1 {
		t.Errorf("%q", lines)
	}
}

func TestRejectsStop(t *testing.T) {
	a, _, _ := testApp("")
	a.Shared.OnError = "stop"
	r, err := newRejects(a, &sideFiles{})
	if err != nil {
		t.Fatal(err)
	}
	j := rejection(3, "bad")
	j.Name, j.Stage = "x.log", "where"
	if err := r.add(j); err == nil || err.Error() != "x.log:3: where: bad: `line`" || fault.CodeOf(err) != fault.Failed {
		t.Errorf("%v", err)
	}
	j.Late = true
	if err := r.add(j); err != nil {
		t.Errorf("a late record stops: %v", err)
	}
}

func TestRejectsFile(t *testing.T) {
	a, _, _ := testApp("")
	a.Shared.OnError = "file=" + filepath.Join(t.TempDir(), "no", "folder")
	if _, err := newRejects(a, &sideFiles{}); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("%v", err)
	}
}

func TestCounts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 2_340_000: "2.3 MB", 7_890_000_000: "7.89 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s", n, got)
		}
	}
}
