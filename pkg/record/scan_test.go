package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// line returns text as the scanner wants it: with a newline and padding.
func line(text string) []byte {
	b := make([]byte, len(text)+1, len(text)+1+Padding)
	copy(b, text)
	b[len(text)] = '\n'
	return b
}

func scanOne(s *Scanner, text string) (*Record, error) {
	r := &Record{Arena: new(Arena)}
	_, err := s.Scan(line(text), 0, r)
	return r, err
}

var accepted = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":1,"b":"x"}`, `{ "a" : 1 , "b" : [ 1 , {"c":null} ] }`,
	`{"a":-0}`, `{"a":0.5,"b":1e5,"c":-1.25E-3,"d":123456789012345678901234567890}`,
	`{"a":9223372036854775807,"b":9223372036854775808,"c":-9223372036854775808}`,
	`{"a":"\u00e9\ud83d\ude00\n","b":"\ud800x","c":"é"}`, "{\"a\":\"\xff\"}", `{"":0}`,
	`{"a":1,"a":2}`, `{"a":true,"b":false,"c":null}`, `{"a":1e999}`, "{\"a\":1}\r", "\t{\"a\":1}",
	`{"\u0061":1}`, `{"a":0.1,"b":1.7976931348623157e308,"c":5e-324,"d":0.000001}`,
	`{"a":"12345678","b":"1234567\"","c":"1234567\\"}`,
}

var refused = []string{
	`{`, `}`, `[]`, `1`, `"a"`, `nul`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":01}`, `{"a":+1}`,
	`{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":-}`, `{"a":"x}`, `{"a":"\x"}`, `{"a":"\u12g4"}`,
	"{\"a\":\"\t\"}", `{"a":tru}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":{"b"}}`, `{"a":1} x`, `{"a":1}{"b":2}`,
	`{a:1}`, `{'a':1}`, `{"a":[}`, `{"a":{]}`, `{"a":NaN}`, `{"a":1,"b"`, `{"a":1 "b":2}`, "\xef\xbb\xbf{}",
}

func TestScanAcceptsAndRefuses(t *testing.T) {
	s := NewScanner()
	if _, err := scanOne(s, `{ "a" :`); err == nil { // learns a literal without the blank
		t.Error("a line without its value: accepted")
	}
	for range 2 { // the second time the shapes are known
		for _, text := range accepted {
			if _, err := scanOne(s, text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		for _, text := range refused {
			if _, err := scanOne(s, text); err == nil {
				t.Errorf("%s: accepted", text)
			}
		}
	}
	if _, err := scanOne(s, " \t"); err != ErrBlank {
		t.Errorf("blank line: %v", err)
	}
}

func TestSyntaxErrorColumns(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,}`:         `unexpected '}' at column 8`,
		`{"a":1`:           `line ends inside the object at column 7`,
		"{\"a\":\"x\ty\"}": `unexpected control byte 0x09 at column 8`,
		`[1]`:              `want an object, found another JSON value at column 1`,
		`hello`:            `unexpected 'h' at column 1`,
	} {
		_, err := scanOne(NewScanner(), text)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestScanDepth holds the nesting that encoding/json accepts.
func TestScanDepth(t *testing.T) {
	for _, n := range []int{9999, 10000} {
		text := `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
		_, err := scanOne(NewScanner(), text)
		if ok := json.Valid([]byte(text)); ok != (err == nil) {
			t.Errorf("depth %d: encoding/json %v, scanner %v", n, ok, err)
		}
	}
}

// checkAgainstJSON fails where the scanner and encoding/json disagree on text.
func checkAgainstJSON(t *testing.T, s *Scanner, text string) {
	t.Helper()
	r, err := scanOne(s, text)
	var want map[string]json.RawMessage
	jsonErr := json.Unmarshal([]byte(text), &want)
	object := strings.HasPrefix(strings.TrimLeft(text, " \t\r"), "{")
	if ok := jsonErr == nil && object; ok != (err == nil) {
		t.Fatalf("%q: encoding/json %v, scanner %v", text, jsonErr, err)
	}
	if err != nil {
		return
	}
	seen := 0
	r.Each(func(name string, v Value) {
		seen++
		raw, ok := want[name]
		if !ok {
			t.Fatalf("%q: field %q is not in encoding/json's result", text, name)
		}
		checkValue(t, text, name, v, raw)
		if got := r.Get(FlatField(name)); !Equal(got, v) {
			t.Fatalf("%q: Get(%q) = %v, Each gave %v", text, name, got, v)
		}
	})
	if seen != len(want) {
		t.Fatalf("%q: %d fields, encoding/json has %d", text, seen, len(want))
	}
	var again map[string]json.RawMessage
	r.Set(Intern("added by test"), StringValue([]byte("x")))
	if err := json.Unmarshal(r.AppendJSON(nil), &again); err != nil {
		t.Fatalf("%q: printed %q: %v", text, r.AppendJSON(nil), err)
	}
}

func checkValue(t *testing.T, text, name string, v Value, raw json.RawMessage) {
	t.Helper()
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil || v.Kind != String || string(v.Bytes) != s {
			t.Fatalf("%q: %q = %q, encoding/json %q %v", text, name, v.Bytes, s, err)
		}
	case '{', '[':
		if !bytes.Equal(v.Bytes, raw) {
			t.Fatalf("%q: %q = %s, encoding/json %s", text, name, v.Bytes, raw)
		}
	case 't', 'f':
		if v.Kind != Bool || v.True() != (raw[0] == 't') {
			t.Fatalf("%q: %q = %v", text, name, v)
		}
	case 'n':
		if v.Kind != Null {
			t.Fatalf("%q: %q = %v", text, name, v)
		}
	default:
		checkNumber(t, text, v, string(raw))
	}
}

func checkNumber(t *testing.T, text string, v Value, raw string) {
	t.Helper()
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		if v.Kind != Int || v.Int() != n {
			t.Fatalf("%q: %s = %v", text, raw, v)
		}
		return
	}
	f, err := strconv.ParseFloat(raw, 64)
	switch {
	case err != nil: // beyond float64: null, as documented
		if v.Kind != Null {
			t.Fatalf("%q: %s = %v", text, raw, v)
		}
	case !v.IsNumber() || v.Float() != f:
		t.Fatalf("%q: %s = %v, strconv %v", text, raw, v, f)
	case f == math.Trunc(f) && math.Abs(f) < 1<<62 && v.Kind != Int:
		t.Fatalf("%q: integral %s is no integer", text, raw)
	}
}

func TestScanAgreesWithEncodingJSON(t *testing.T) {
	s := NewScanner()
	for range 2 {
		for _, text := range append(append([]string{}, accepted...), refused...) {
			checkAgainstJSON(t, s, text)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range append(append([]string{}, accepted...), refused...) {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		s := NewScanner()
		for _, text := range []string{first, first, second, second, first, second} {
			if !strings.Contains(text, "\n") && strings.TrimLeft(text, " \t\r") != "" {
				checkAgainstJSON(t, s, text)
			}
		}
	})
}

func TestManyShapesStayBounded(t *testing.T) {
	s := NewScanner()
	for i := range 3 * maxEdges {
		text := fmt.Sprintf(`{"k%d":%d}`, i, i)
		r, err := scanOne(s, text)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Get(FlatField(fmt.Sprintf("k%d", i))); v.Int() != int64(i) {
			t.Fatalf("%s: %v", text, v)
		}
	}
	if s.edges > maxEdges {
		t.Errorf("%d edges", s.edges)
	}
}

func benchLines(n int, format func(i int) string) []byte {
	var buf bytes.Buffer
	for i := range n {
		buf.WriteString(format(i))
		buf.WriteByte('\n')
	}
	b := buf.Bytes()
	return append(make([]byte, 0, len(b)+Padding), b...)
}

func BenchmarkScan(b *testing.B) {
	for name, data := range map[string][]byte{
		"heat": benchLines(1000, func(i int) string {
			return fmt.Sprintf(`{"page":"page%d","clicks":%d,"minutes":%.7f,"like":%d,"ts":%d}`, i%100, i%10+1, float64(i)*0.0043127, i%3-1, 1772323200000+i)
		}),
		"access": benchLines(1000, func(i int) string {
			return fmt.Sprintf(`{"ip":"83.149.9.%d","user":"-","time":"17/May/2015:10:05:%02d +0000","method":"GET","path":"/presentations/logstash-%d/images/kibana-search.png","proto":"HTTP/1.1","status":200,"bytes":%d,"referer":"http://semicomplete.com/presentations/logstash-monitorama-2013/","ua":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"}`, i%256, i%60, i, i*13)
		}),
	} {
		b.Run(name, func(b *testing.B) {
			s, r := NewScanner(), &Record{Arena: new(Arena)}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for pos := 0; pos < len(data); {
					next, err := s.Scan(data, pos, r)
					if err != nil {
						b.Fatal(err)
					}
					pos = next
				}
			}
		})
	}
}
