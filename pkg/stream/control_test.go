package stream

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"
)

const openLine = `{"@logpipe":"open","token":"t1","version":1}` + "\n"

// read returns what the blocks of text hold: the records with their source, and
// the kinds of the controls.
func readMarked(t *testing.T, in io.Reader) string {
	t.Helper()
	r := NewMarkedReader(in, "", nil)
	var out strings.Builder
	for {
		b, err := r.Read(t.Context())
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			return out.String() + "error: " + err.Error()
		}
		for line := range strings.Lines(string(b.Data)) {
			fmt.Fprintf(&out, "%s%s", b.Source+": ", line)
		}
		for _, l := range b.Long {
			fmt.Fprintf(&out, "torn: %s\n", l.Cut)
		}
		for _, c := range b.Control {
			fmt.Fprintf(&out, "<%s %d>\n", c.Kind, c.Epoch)
		}
		b.Ack(nil)
	}
}

// blanks writes lines of JSON as programs do that put blanks into it.
func blanks(lines string) string {
	return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(lines)
}

// TestStrayControls holds that lines of a stream with marks are told where the one that
// opens it does not come first.
func TestStrayControls(t *testing.T) {
	for _, c := range []struct {
		in   string
		told bool
	}{
		{"a\n" + openLine, true},
		{blanks("a\n" + openLine), true},
		{`{"@logpipe":"source","token":"t1","source":"c/0"}` + "\na\n", true},
		{openLine + "a\n" + `{"@logpipe":"source","token":"t2","source":"c/0"}` + "\n", false},
		{`{"@logpipe":"source"}` + "\n" + `{"@logpipe":"x","token":"t1"}` + "\n" + `{"@logpipe":"mark","token":` + "\n", false},
		{"a " + openLine, false},
	} {
		told := 0
		r := NewMarkedReader(strings.NewReader(c.in), "", nil)
		r.Late = func() { told++ }
		for err := error(nil); err == nil; {
			_, err = r.Read(t.Context())
		}
		if told > 1 || told > 0 != c.told {
			t.Errorf("%q: told %d times", c.in, told)
		}
	}
}

func TestControlLinesAreTakenOut(t *testing.T) {
	mark := func(n int) string { return fmt.Sprintf(`{"@logpipe":"mark","token":"t1","epoch":%d}`+"\n", n) }
	source := func(s string) string { return `{"@logpipe":"source","token":"t1","source":"` + s + `"}` + "\n" }
	for _, c := range []struct{ name, in, want string }{
		{"no first line of kind open", "a\n" + openLine + mark(1), ": a\n: " + openLine + ": " + mark(1)},
		{"nothing", "", ""},
		{"the begin of an open line", openLine[:14], ": " + openLine[:14] + "\n"},
		{"records, sources and marks", openLine + source("c/0") + "a\nb\n" + mark(1) + "c\n" + source("c/1") + "d\n" + mark(2) + mark(3),
			"<open 0>\nc/0: a\nc/0: b\n<mark 1>\nc/0: c\nc/1: d\n<mark 2>\n<mark 3>\n"},
		{"another token", openLine + `{"@logpipe":"mark","token":"t2"}` + "\n", "<open 0>\n: " + `{"@logpipe":"mark","token":"t2"}` + "\n"},
		{"no whole line", openLine + "a\n" + strings.TrimSuffix(mark(7), "\n"), "<open 0>\n: a\n<mark 7>\n"},
		{"a record that begins like a control", openLine + `{"@logpipe":"x"` + "\nb\n", "<open 0>\n: " + `{"@logpipe":"x"` + "\n: b\n"},
		{"a control with something behind it", openLine + strings.TrimSuffix(mark(1), "\n") + " x\n",
			"error: a control line of the stream cannot be read (invalid character 'x' after top-level value): a program in the pipe has changed it"},
		{"an offset as text", openLine + `{"@logpipe":"mark","token":"t1","offsets":{"a/0":"1"}}` + "\n",
			"error: a control line of the stream cannot be read (json: cannot unmarshal string into Go struct field Control.offsets of type int64): a program in the pipe has changed it"},
		{"the same of another token", openLine + strings.Replace(mark(1), "t1", "t2", 1)[:40] + "\n", "<open 0>\n: " + strings.Replace(mark(1), "t1", "t2", 1)[:40] + "\n"},
		{"blanks behind colons and commas", blanks(openLine + source("c/0") + "a\n" + mark(1)), "<open 0>\nc/0: a\n<mark 1>\n"},
		{"nearly an open line with a blank", `{"@logpipe": "opens","token":"t1"}` + "\n", ": " + `{"@logpipe": "opens","token":"t1"}` + "\n"},
		{"a torn record", openLine + "a\n" + mark(1) + "b\nhal", "<open 0>\n: a\n<mark 1>\n: b\ntorn: hal\n"},
		{"a torn mark", openLine + "a\n" + mark(1)[:40], "<open 0>\n: a\ntorn: " + mark(1)[:40] + "\n"},
		{"a second stream without a line end", openLine + strings.Replace(strings.TrimSuffix(openLine, "\n"), "t1", "t2", 1),
			"<open 0>\nerror: a second stream with marks begins within the first: only one can be committed as it was read"},
		{"nothing but a torn record", openLine + "hal", "<open 0>\ntorn: hal\n"},
		{"a record without a line end behind the last mark", openLine + strings.Replace(mark(1), "}", `,"last":true}`, 1) + "a", "<open 0>\n<mark 1>\n: a\n"},
		{"a mark twice", openLine + mark(2) + mark(2), "<open 0>\n<mark 2>\n<mark 2>\n"},
		{"a mark behind a later one", openLine + mark(3) + "a\n" + mark(2), "error: mark 2 comes behind mark 3: a program in the pipe has changed the order of the lines"},
		{"marks of two groups", openLine + mark(3) + strings.Replace(mark(4), "}", `,"group":"g"}`, 1), `error: marks of the groups "" and "g" are in one stream: only one can be committed as it was read`},
		{"a reset", openLine + source("c/0") + "a\n" + `{"@logpipe":"reset","token":"t1"}` + "\nb\n", "<open 0>\nc/0: a\n<reset 0>\n: b\n"},
		{"an unknown kind", openLine + `{"@logpipe":"new","token":"t1"}` + "\n", `error: the stream has a control line of kind "new", which this logpipe does not know`},
		{"a newer version", strings.Replace(openLine, `"version":1`, `"version":2`, 1), "error: the stream has marks of version 2, from a newer logpipe; this one knows version 1"},
		{"a second stream", openLine + "a\n" + strings.Replace(openLine, "t1", "t2", 1),
			"error: a second stream with marks begins within the first: only one can be committed as it was read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readMarked(t, strings.NewReader(c.in)); got != c.want {
				t.Errorf("at once:\n%s\nwant:\n%s", got, c.want)
			}
			if strings.HasPrefix(c.want, "error") || strings.Contains(c.want, "error") {
				return // what came before it may have been read
			}
			if got := readMarked(t, iotest.OneByteReader(strings.NewReader(c.in))); got != c.want {
				t.Errorf("byte by byte:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// TestControlLine writes a mark and reads it back; `logpipe help marks` has a vector of
// all kinds.
func TestControlLine(t *testing.T) {
	c := &Control{Kind: ControlMark, Token: "9f2c", Epoch: 4, Cluster: "X1", Brokers: []string{"127.0.0.1:9092"}, Group: "web",
		Member: "logpipe-1", Generation: 2, Offsets: map[string]int64{"access/1": 20, "access/0": 17}, Leaders: map[string]int32{"access/1": 0},
		Ledger: []Counts{{Stage: "consume", In: 37, Out: 37}, {Stage: "parse", In: 37, Out: 36, Rejected: 1},
			{Stage: "aggregate", In: 36, Out: 2, Late: 1, Dropped: 4, Folded: 30, Made: 3, Again: 1, Open: 1}}}
	want := `{"@logpipe":"mark","token":"9f2c","epoch":4,"cluster":"X1","brokers":["127.0.0.1:9092"],"group":"web","member":"logpipe-1",` +
		`"generation":2,"offsets":{"access/0":17,"access/1":20},"leaders":{"access/1":0},"ledger":[{"stage":"consume","in":37,"out":37},{"stage":"parse","in":37,"out":36,"rejected":1},` +
		`{"stage":"aggregate","in":36,"out":2,"late":1,"dropped":4,"folded":30,"made":3,"again":1,"open":1}]}` + "\n"
	line := c.AppendLine(nil)
	if string(line) != want {
		t.Errorf("%s\nwant\n%s", line, want)
	}
	back, ok, err := ParseControl(line, "9f2c")
	if !ok || err != nil || fmt.Sprint(*back) != fmt.Sprint(*c) {
		t.Errorf("read back: %v %v %v", back, ok, err)
	}
}

func FuzzControl(f *testing.F) {
	f.Add(openLine + `{"@logpipe":"mark","token":"t1","offsets":{"a/0":1}}` + "\nx\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := NewMarkedReader(strings.NewReader(text), "", nil)
		records := 0
		for {
			b, err := r.Read(context.Background())
			if err != nil {
				break
			}
			records += countLines(b.Data) + len(b.Control)
		}
		if most := strings.Count(text, "\n") + 1; records > most {
			t.Fatalf("%d records and controls of %d lines", records, most)
		}
	})
}

func TestProgressOfSources(t *testing.T) {
	var p Progress
	if p.Time() != MinTime {
		t.Error("time without records")
	}
	p = p.Control(&Control{Kind: ControlReset, Behind: []string{"c/0", "c/1"}})
	p = p.Seen("c/0", 100)
	if p.Time() != MinTime {
		t.Error("a source with records to come is not waited for")
	}
	p = p.Seen("c/1", 40)
	if p.Time() != 40 {
		t.Errorf("time %d of sources at 100 and 40", p.Time())
	}
	if c := p.Before("c/1"); c.At(90) != 90 || c.At(200) != 100 || c.At(10) != 40 {
		t.Errorf("within c/1: %+v", c)
	}
	p = p.Control(&Control{Kind: ControlWatermark, Source: "c/1", Idle: true})
	if p.Time() != 100 {
		t.Errorf("an idle source is waited for: %d", p.Time())
	}
	p = p.Seen("c/1", 50)
	if p.Time() != 100 {
		t.Errorf("time went back to %d", p.Time())
	}
	if p.Latest() != 100 || p.Control(&Control{Kind: ControlWatermark, Time: 900}).Latest() != 100 {
		t.Errorf("latest record at %d, not 100", p.Latest())
	}
	if p = p.Control(&Control{Kind: ControlReset}); p.Time() != MinTime || p.Latest() != MinTime {
		t.Errorf("time %d after a reset", p.Time())
	}
	if p = p.Control(&Control{Kind: ControlWatermark, Time: 70}); p.Time() != 70 {
		t.Errorf("time %d after a watermark", p.Time())
	}
}

// TestKeptOfRows says up to where the rows of commands before are out: as far as they
// are of all sources.
func TestKeptOfRows(t *testing.T) {
	for _, c := range []struct {
		offsets map[string]int64
		until   map[string][]int64
		want    map[string]int64
	}{
		{map[string]int64{"a/0": 5}, map[string][]int64{"a/0": {20}}, map[string]int64{"a/0": 20, "": 20}},
		{map[string]int64{"a/0": 5, "a/1": 3}, map[string][]int64{"a/0": {20}, "a/1": {10, 7}}, map[string]int64{"a/0": 20, "a/1": 10, "": 10}},
		{map[string]int64{"a/0": 5, "a/1": 0}, map[string][]int64{"a/0": {20}}, map[string]int64{"a/0": 20}},
		{map[string]int64{"a/0": 5}, map[string][]int64{"a/0": {0}}, map[string]int64{}},
		{nil, nil, map[string]int64{}},
	} {
		if got := (&Control{Offsets: c.offsets, Until: c.until}).Kept(); !maps.Equal(got, c.want) {
			t.Errorf("offsets %v, until %v: %v, not %v", c.offsets, c.until, got, c.want)
		}
	}
}

// TestDefusedRecordsAreNoControls reads records that look like controls out of a marked
// stream, and those of a second stream that was not written as records.
func TestDefusedRecordsAreNoControls(t *testing.T) {
	for _, c := range []struct {
		name, records string
		blanks        int
	}{
		{"nothing of it", "a\n{}\n", 0},
		{"first", `{"@logpipe":"open","token":"x","version":1}` + "\nb\n", 1},
		{"later, and at the end of the text", "a\n" + `{"@logpipe":"open","token":"x"}` + "\n" + `{"@logpipe":"open","token":"y"}`, 2},
		{"a name twice", `{"@logpipe":"a","@logpipe":"open","token":"y"}` + "\n", 1},
		{"a newer one", `{"@logpipe":"open","token":"x","version":9}` + "\n", 1},
		{"the same token", `{"@logpipe":"mark","token":"t1","epoch":9}` + "\n" + `{"@logpipe":"new","token":"t1"}` + "\n", 2},
		{"no controls", `{"@logpipe":"mark","token":"x"}` + "\n" + `{"@logpipe":"open","token":"x"` + "\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			safe, found := Defuse([]byte(c.records), "t1")
			if found != (c.blanks > 0) || len(safe) != len(c.records)+c.blanks || strings.ReplaceAll(string(safe), " {", "{") != c.records {
				t.Errorf("%v %q", found, safe)
			}
			whole := strings.TrimSuffix(string(safe), "\n") + "\n"
			want := "<open 0>\n: " + strings.ReplaceAll(strings.TrimSuffix(whole, "\n"), "\n", "\n: ") + "\n"
			if got := readMarked(t, strings.NewReader(openLine+whole)); got != want {
				t.Errorf("read:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
