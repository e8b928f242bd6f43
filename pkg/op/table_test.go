package op

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

func TestTable(t *testing.T) {
	in := []string{`{"page":"a","n":1,"x":"|\n\t"}`, `{"page":"längere","n":22.5}`, `{"page":"日本","n":null,"more":{"k": 1}}`, `{"page":"e\u0301"}`}
	checkCases(t, Table, []opCase{
		{name: "union", in: in, want: []string{
			`page        n  x      more`,
			`a           1  |\n\t`,
			`längere  22.5`,
			`日本                  {"k": 1}`,
			"e\u0301",
		}},
		{name: "fields", words: []string{"n", "nope", "page"}, in: in[:2], want: []string{
			`   n  nope  page`,
			`   1        a`,
			`22.5        längere`,
		}},
		{name: "markdown", words: []string{"--markdown"}, in: in[:2], want: []string{
			`| page    |    n | x        |`,
			`| :------ | ---: | :------- |`,
			`| a       |    1 | \|<br>\t |`,
			`| längere | 22.5 |          |`,
		}},
		{name: "csv", words: []string{"--csv"}, in: []string{`{"a":"x,y","b":""}`, `{"b":"q\"r\r\ns","c, d":false}`, `{}`}, want: []string{
			`a,b,"c, d"`, `"x,y","",`, ",\"q\"\"r\r\ns\",false", `,,`}},
		{name: "csv of one column", words: []string{"--csv", "a"}, in: []string{`{"a":null}`, `{"a":1}`}, want: []string{`a`, `""`, `1`}},
		{name: "tsv", words: []string{"--tsv", "a", "b"}, in: []string{`{"a":"x\ty\\","b":"1\n2\r"}`, `{"b":2.50}`}, want: []string{"a\tb", `x\ty\\` + "\t" + `1\n2\r`, "\t2.5"}},
		{name: "control characters", in: []string{`{"a":"\u001b[2J\u0085"}`}, want: []string{`a`, `\u001b[2J\u0085`}},
		{name: "no object is refused", words: []string{"a"}, in: []string{`{"a":1}`, `x`}, want: []string{`a`, `1`}, errs: 1},
	})
	checkRefused(t, Table, []string{"--csv=true", "--tsv=true"}, []string{""}, []string{"a[x]"})
}

func TestTableOfNothing(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, ""}, {[]string{"a", "b"}, "a  b\n"}, {[]string{"--csv"}, ""}, {[]string{"--csv", "a", "b"}, "a,b\n"},
		{[]string{"--markdown"}, ""}, {[]string{"--markdown", "a"}, "| a    |\n| :--- |\n"},
	} {
		if o := runStages(t, "", 1, 100, buildStage(t, Table, c.words...)); o.out != c.want {
			t.Errorf("%q: got %q, want %q", c.words, o.out, c.want)
		}
	}
}

// With fields, delimited rows leave with their batch.
func TestDelimitedRowsLeaveAtOnce(t *testing.T) {
	op, err := buildStage(t, Table, "--csv", "a").(stream.Serial).Serial(&stream.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, line := range []string{`{"a":1}`, `{"a":2}`} {
		if err := op.Process(oneBatch(t, line), func(b *stream.Batch) error { got = b.AppendJSON(got); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != "a\n1\n2\n" {
		t.Errorf("got %q", got)
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	s := buildStage(t, Table)
	op, err := s.(stream.Serial).Serial(&stream.Env{Terminal: true, Stdout: new(bytes.Buffer)}) // 80 columns
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("abcdefghij", 10)
	if err := op.Process(oneBatch(t, `{"s":"short","n":123456789012,"t":"`+long+`","u":"`+long[:50]+`"}`), nowhere); err != nil {
		t.Fatal(err)
	}
	var got []byte
	if err := op.Flush(func(b *stream.Batch) error { got = b.AppendJSON(got); return nil }); err != nil {
		t.Fatal(err)
	}
	want := "s                 n  t                             u\n" +
		"short  123456789012  abcdefghijabcdefghijabcdefg…  abcdefghijabcdefghijabcdefgh…\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, line := range strings.Split(string(got), "\n") {
		if textWidth(line) > 80 {
			t.Errorf("%d columns: %s", textWidth(line), line)
		}
	}
}

func TestTextWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "日本": 4, "ｗ": 2, "한국": 4, "👍": 2, "a\u200bb": 2, "—": 1, "ﾊ": 1} {
		if got := textWidth(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := cutText("日本語", 5); got != "日本…" {
		t.Errorf("cut: %q", got)
	}
	if got := cutText("日本語", 4); got != "日…" {
		t.Errorf("cut: %q", got)
	}
}

// FuzzDelimited reads back what was written: CSV by encoding/csv.
func FuzzDelimited(f *testing.F) {
	f.Add("a", "b")
	f.Add("", "x\n\"y\"")
	f.Add("\t\\", ",")
	f.Fuzz(func(t *testing.T, a, b string) {
		row := []byte(nil)
		row = append(appendCSV(row, []byte(a), true), ',')
		row = append(appendCSV(row, []byte(b), true), '\n')
		got, err := csv.NewReader(bytes.NewReader(row)).Read()
		fold := strings.NewReplacer("\r\n", "\n") // encoding/csv folds line ends
		if want := []string{fold.Replace(a), fold.Replace(b)}; err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: read %q %v, want %q", row, got, err, want)
		}
		cells := strings.Split(string(append(append(appendTSV(nil, []byte(a), true), '\t'), appendTSV(nil, []byte(b), true)...)), "\t")
		if len(cells) != 2 || strings.ContainsAny(cells[0]+cells[1], "\n\r") {
			t.Fatalf("cells %q", cells)
		}
	})
}
