package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// row is what a line is to a reader: its fields' values, or its error.
type row struct {
	pos    uint32
	fields string
	err    string
}

var columnFields = []string{"a", "page", "n", "x y"}

// scanned reads data line by line.
func scanned(data []byte) (rows []row) {
	s, r, arena := NewScanner(), Record{}, Arena{}
	pos := uint32(0)
	for at := 0; at < len(data); pos++ {
		r.Reset(nil, &arena)
		end := at + bytes.IndexByte(data[at:], '\n') + 1
		_, err := s.Scan(data, at, &r)
		at = end
		if err != nil {
			rows = append(rows, row{pos: pos, err: err.Error()})
			continue
		}
		var b strings.Builder
		for _, name := range columnFields {
			f := FlatField(name)
			fmt.Fprintf(&b, "%v %s|", r.Has(f), AppendValue(nil, r.Get(f)))
		}
		rows = append(rows, row{pos: pos, fields: b.String()})
	}
	return rows
}

// columned reads data by columns of so many rows.
func columned(t *testing.T, data []byte, room int) (rows []row) {
	var names []*Name
	for _, n := range columnFields {
		names = append(names, Intern(n))
	}
	c := NewColumns(names, room)
	c.Begin(data)
	pos := uint32(0)
	for at := 0; at < len(data); {
		bad := map[uint32]string{}
		next, lines := c.Scan(at, pos, func(l BadLine) { bad[l.Pos] = l.Err.Error() })
		if next <= at || data[next-1] != '\n' {
			t.Fatalf("Scan from %d ends at %d", at, next)
		}
		i := 0
		for p := pos; p < pos+lines; p++ {
			if err, ok := bad[p]; ok {
				rows = append(rows, row{pos: p, err: err})
				continue
			}
			if i == c.Len() || c.Pos[i] != p {
				t.Fatalf("line %d is no row and not refused", p)
			}
			var b strings.Builder
			for f := range names {
				s := &c.Spans(f)[i]
				fmt.Fprintf(&b, "%v %s|", s.Enc != Absent, AppendValue(nil, c.Value(s)))
				checkExact(t, c, s)
			}
			rows = append(rows, row{pos: p, fields: b.String()})
			i++
		}
		if i != c.Len() {
			t.Fatalf("%d rows of %d lines", c.Len(), lines)
		}
		at, pos = next, pos+lines
	}
	return rows
}

func checkExact(t *testing.T, c *Columns, s *Span) {
	if f, ok := s.Exact(); ok {
		if want, err := strconv.ParseFloat(string(c.Text(s)), 64); err != nil || f != want {
			t.Errorf("%s is read as %v", c.Text(s), f)
		}
	}
}

func padded(text string) []byte {
	b := make([]byte, len(text), len(text)+Padding)
	copy(b, text)
	return b
}

func compareColumns(t *testing.T, text string) {
	t.Helper()
	if text != "" && text[len(text)-1] != '\n' {
		text += "\n"
	}
	data := padded(text)
	want := scanned(data)
	for _, room := range []int{1, 3, 64} {
		got := columned(t, data, room)
		if len(got) != len(want) {
			t.Fatalf("%d lines instead of %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d rows, line %d of %q: %+v, not %+v", room, i, text, got[i], want[i])
			}
		}
	}
}

// columnLines are lines that leave a lane in every way that one can.
var columnLines = []string{
	`{"a":1,"page":"x","n":2.5}`,
	`{"a":-1,"page":"page12345678901234567890","n":-0.5}`,
	`{"a":1234567,"page":"","n":1234567.1234567}`,
	`{"a":12345678,"page":"é","n":12345678.12345678}`,
	`{"a":123456789012345678901234567890,"page":"a\"b","n":1e5}`,
	`{"a":01,"page":"x","n":2.5}`,
	`{"a":1.,"page":"x","n":2.5}`,
	`{"a":-,"page":"x","n":2.5}`,
	`{"a":1,"page":"x","n":.5}`,
	`{"a":1.5,"page":"x","n":2}`,
	`{"a":1e3,"page":"x","n":2.5.5}`,
	`{"a":-0,"page":"x","n":-0.0}`,
	`{"a":null,"page":null,"n":true}`,
	`{"a":{"b":[1,2]},"page":[1,"}"],"n":false}`,
	`{"a":"1","page":1,"n":"2.5"}`,
	`{"a":1,"page":"x"}`,
	`{"page":"x","a":1,"n":2.5}`,
	`{"a":1,"page":"x","n":2.5,"more":12345678901234567}`,
	`{"a":1,"more":12.5,"page":"x","n":2.5}`,
	`{"a":1,"more":"text","page":"x","n":2.5}`,
	`{"a":1,"more":null,"page":"x","n":2.5}`,
	`{"a":1,"more":1.,"page":"x","n":2.5}`,
	`{"a":1,"more":00,"page":"x","n":2.5}`,
	`{"a":1,"a":2,"page":"x","page":"y","n":2.5}`,
	` { "a" : 1 , "page" : "x" , "n" : 2.5 } `,
	`{"x y":1,"a long name of a field that nobody reads":2,"n":3}`,
	`{}`, `{ }`, ``, `   `, `x`, `[1]`, `1`, `,"page":"x"}`, `"page":"x"}`, `{"a":1,"page":"x","n":2.5}}`,
	`{"a":1,"page":"x","n":2.5`, `{"a":1,"page":"x`, `{"a":1,"page":"x","n":2.5} {}`, "{\"a\":1,\"page\":\"\x01\",\"n\":2}",
	"{\"a\":1,\"page\":\"x\",\"n\":2.5}\r", "{\"a\":1,\"page\":\"\xff\xfe\",\"n\":2.5}", `{"a":1,"page":"\ud800","n":2.5}`,
}

// TestColumnsReadAsScanner reads every pair of lines, so that each is met by the
// lane of each other.
func TestColumnsReadAsScanner(t *testing.T) {
	for _, first := range columnLines {
		for _, second := range columnLines {
			compareColumns(t, first+"\n"+second+"\n"+first+"\n"+second+"\n")
		}
	}
	compareColumns(t, strings.Join(columnLines, "\n"))
	compareColumns(t, strings.Repeat(strings.Join(columnLines, "\n")+"\n", 5))
}

// TestColumnsAfterABlock reads a second block with the lanes of the first.
func TestColumnsAfterABlock(t *testing.T) {
	c := NewColumns([]*Name{Intern("a")}, 8)
	for i := range 3 {
		c.Begin(padded(fmt.Sprintf("{\"a\":%d}\nbad\n{\"b\":1}\n", i)))
		refused := 0
		if next, lines := c.Scan(0, 0, func(BadLine) { refused++ }); next != len(c.Data) || lines != 3 || refused != 1 || c.Len() != 2 {
			t.Fatalf("block %d: %d bytes, %d lines, %d refused, %d rows", i, next, lines, refused, c.Len())
		}
		if v := c.Value(&c.Spans(0)[0]); v.Int() != int64(i) {
			t.Errorf("block %d: %v", i, v)
		}
		if r := c.Record(1); string(r.Line) != `{"b":1}` || r.Pos != 2 {
			t.Errorf("block %d: record %q at %d", i, r.Line, r.Pos)
		}
	}
}

func TestColumnsTellMixedLines(t *testing.T) {
	same := padded(strings.Repeat("{\"a\":1}\n", 200))
	few := padded(strings.Repeat("{\"a\":1}\n{\"b\":1}\n{\"c\":1}\n{\"d\":1}\n", 500))
	var mixed []byte
	for i := range 2000 {
		mixed = fmt.Appendf(mixed, "{\"a%d\":1}\n", i%50)
	}
	mixed = padded(string(mixed))
	for _, v := range []struct {
		data []byte
		want bool
	}{{same, false}, {few, false}, {mixed, true}} {
		c := NewColumns([]*Name{Intern("a")}, 64)
		c.Begin(v.data)
		for at := 0; at < len(v.data); {
			at, _ = c.Scan(at, 0, func(l BadLine) { t.Error(l.Err) })
		}
		if c.Mixed() != v.want {
			t.Errorf("%.20q…: mixed is %v", v.data, c.Mixed())
		}
	}
}

func FuzzColumns(f *testing.F) {
	f.Add(strings.Join(columnLines, "\n"))
	for _, l := range columnLines {
		f.Add(l + "\n" + columnLines[0])
	}
	f.Fuzz(func(t *testing.T, text string) { compareColumns(t, text) })
}

func BenchmarkColumns(b *testing.B) {
	data := padded(strings.Repeat("{\"page\":\"page61\",\"clicks\":3,\"minutes\":1.150014,\"like\":-1,\"ts\":1772323197478}\n", 5000))
	c := NewColumns([]*Name{Intern("page"), Intern("clicks"), Intern("minutes"), Intern("like")}, 256)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		c.Begin(data)
		for at := 0; at < len(data); {
			at, _ = c.Scan(at, 0, func(l BadLine) { b.Fatal(l.Err) })
		}
	}
}

func TestShortNumbersAreReadAsLongOnes(t *testing.T) {
	for _, behind := range []string{",", "}", ".5", "e1", " ", "-", ":", "/"} {
		for i := range 2000 {
			digits := strconv.Itoa(i)
			var text [16]byte
			copy(text[:], digits+behind)
			x := binary.LittleEndian.Uint64(text[:])
			n, value := run2(x)
			if want := len(digits); want <= 2 && (n != want || value != uint64(i)) || want > 2 && n != 0 {
				t.Errorf("%s: %d digits, %d", text, n, value)
			}
		}
	}
	for _, s := range []string{"", "00", "01", "a", "-1", ",1", "/", ":"} {
		var text [16]byte
		copy(text[:], s+",")
		if n, _ := run2(binary.LittleEndian.Uint64(text[:])); n != 0 {
			t.Errorf("%q: %d digits", s, n)
		}
	}
}
