package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// jsonBodies are requests and the events that Flume 1.11 makes of them; one
// without events it refuses, TestRealFlumeHTTP asks it.
var jsonBodies = []struct {
	body string
	want []string
}{
	{`[{"headers":{"b":"2","a":"1"},"body":"hello"},{"headers":{},"body":"größe"}]`, []string{"a=1 b=2|hello", "|größe"}},
	{`[{"headers":{"n":1,"t":true,"d":1.50,"e":-0,"x":1e3},"body":12}]`, []string{"d=1.50 e=-0 n=1 t=true x=1e3|12"}},
	{"[{\"body\":\"tab\tand \x01 as they are\"}]", []string{"|tab\tand \x01 as they are"}},
	{"[{\"headers\":{\"h\t\":\"x\"},\"body\":\"two\nlines\r\"}]", []string{"h\t=x|two\nlines\r"}},
	{"\uFEFF[{\"body\":\"marked\"}]", []string{"|marked"}},
	{"\uFEFF\uFEFF[]", nil},
	{")]}'\n[{\"body\":\"guarded\"}]", []string{"|guarded"}},
	{`[{'headers':{'a':'b"'},'body':'it\'s'}]`, []string{`a=b"|it's`}},
	{`[{headers:{a:b,null:c},body:unq"t'd}]`, []string{`a=b null=c|unq"t'd`}},
	{`[{body:TRUE},{body:"TRUE"},{body:nUlL},{body:nulls},{body:007},{body:NaN}]`, []string{"|true", "|TRUE", "|", "|nulls", "|007", "|NaN"}},
	{"// one\n[ # two\r{/* three */body:x/* four */}//five\n ] ", []string{"|x"}},
	{`[{"headers"={"a"=>"b";"c"=1};"body":"x"};{"body":"y"}]`, []string{"a=b c=1|x", "|y"}},
	{`[{"headers":[["a","b"],[true,2],["c",],["c","d"]],"body":"x"}]`, []string{"a=b c=d true=2|x"}},
	{`[{"headers":[],"body":"x"}]`, []string{"|x"}},
	{`[{"headers":{"a":null,"a":"x"},"body":"one is null"}]`, []string{"a=x|one is null"}},
	{`[{"headers":{"a":"b"},"headers":{"c":"d"},"body":"x","body":"last"}]`, []string{"c=d|last"}},
	{`[{"headers":{"a":"b"},"headers":null,"body":"x"}]`, []string{"|x"}},
	{`[{"Body":"no","HEADERS":{"a":"b"},"body ":"no"}]`, []string{"|"}},
	{`[{"x":{"headers":{"a":1,"a":2},"y":[1,,{};[null]]},"body":"x","z":[]}]`, []string{"|x"}},
	{`[{"x":` + strings.Repeat(`[{a:`, 20000) + `1` + strings.Repeat(`}]`, 20000) + `,"body":"deep"}]`, []string{"|deep"}},
	{`[{"body":"\ud83d"},{"body":"\ud83d\ude00 \ude00\ud83d"},{"body":"\ud83d\ud83d\ude00\ud83dx"}]`, []string{"|?", "|😀 ??", "|?😀?x"}},
	{`[{"body":"\"\\\/\b\f\t\'\u00e9"}]`, []string{"|\"\\/\b\f\t'é"}},
	{"[{\"body\":\"a\\\nb\"}]", []string{"|a\nb"}},
	{`[{"headers":{"a":"` + strings.Repeat("x", 100000) + `"},"body":"` + strings.Repeat("y", 100000) + `"}]`,
		[]string{"a=" + strings.Repeat("x", 100000) + "|" + strings.Repeat("y", 100000)}},
	{`[]`, []string{}},

	{`[{"headers":{"a":"1","a":"2"},"body":"x"}]`, nil},
	{`[{"headers":{"a":"1","\u0061":null},"body":"x"}]`, nil},
	{`[{"headers":[["a","1"],["a","2"]],"body":"x"}]`, nil},
	{`[{"headers":[["a","1","2"]],"body":"x"}]`, nil},
	{`[{"headers":[["a"]],"body":"x"}]`, nil},
	{`[{"headers":[[]"a","b"]],"body":"x"}]`, nil},
	{`[{"headers":[[null,"b"]],"body":"x"}]`, nil},
	{`[{"headers":["a","b"],"body":"x"}]`, nil},
	{`[{"headers":"a","body":"x"}]`, nil},
	{`[{"headers":{"a":{}},"body":"x"}]`, nil},
	{`[{"headers":{"a":[]},"body":"x"}]`, nil},
	{`[{"body":{"a":1}}]`, nil},
	{`[{"body":["a"]}]`, nil},
	{``, nil},
	{" \n", nil},
	{"// c", nil},
	{`null`, nil},
	{`[null]`, nil},
	{`[{"body":"x"},]`, nil},
	{`[,{"body":"x"}]`, nil},
	{`["x"]`, nil},
	{`[["x"]]`, nil},
	{`{"body":"x"}`, nil},
	{`[{"body":"x"`, nil},
	{`[{"body":"x"}`, nil},
	{`[{"body":"x"}] x`, nil},
	{`[{"body":"x"}] // c`, nil},
	{`[{"body":"x",}]`, nil},
	{`[{"body":"x" "y":1}]`, nil},
	{`[{"body" "x"}]`, nil},
	{`[{"body":}]`, nil},
	{`[{"body":a b}]`, nil},
	{`[{"body":a/b}]`, nil},
	{`[{"body":/* x}]`, nil},
	{`[{"body":"\x"}]`, nil},
	{`[{"body":"\u12g4"}]`, nil},
	{`[{"body":"\u12`, nil},
	{`[{"body":"\`, nil},
	{`[{"body":'x"}]`, nil},
	{`[{"x":[1}]}]`, nil},
	{"[{\"body\":\fx}]", nil},
}

// texts is what eventText says of events.
func texts(events []flume.Event) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, eventText(e))
	}
	return all
}

func TestJSONEvents(t *testing.T) {
	utf8 := must(newCharset("UTF-8"))
	for _, test := range jsonBodies {
		text := []byte(test.body)
		events, err := parseJSONEvents(text, &utf8)
		clear(text) // an event has its own copy
		if refused := new(badRequest); test.want == nil {
			if !errors.As(err, &refused) || events != nil {
				t.Errorf("%.80s: %.200q, %v", test.body, texts(events), err)
			}
			continue
		}
		if err != nil || !slices.Equal(texts(events), test.want) {
			t.Errorf("%.80s: %.200q, %v, want %.200q", test.body, texts(events), err, test.want)
		}
		for _, e := range events {
			if e.Body == nil { // which is a tombstone to Kafka
				t.Errorf("%.80s: no body", test.body)
			}
		}
	}
}

// What is wrong is said with its place.
func TestJSONEventsErrors(t *testing.T) {
	utf8 := must(newCharset("UTF-8"))
	for body, want := range map[string]string{
		``:                              "the request is empty",
		`null`:                          "the request is null",
		`{"body":"x"}`:                  `want a list in [ ] after 0 bytes, found "{\"body\":\"x\"}"`,
		`[{},null]`:                     "event 2: it is null",
		`[{"body":"x"},]`:               "event 2: it is null",
		`[1]`:                           `event 1: want an event in { } after 1 bytes, found "1]"`,
		`[{"body":{}}]`:                 `event 1: body: want a text after 9 bytes, found "{}}]"`,
		`[{"headers":{"a":1,"a":"2"}}]`: `event 1: headers: "a" is there twice`,
		`[{"headers":{"a":[]}}]`:        `event 1: headers: "a": want a text after 17 bytes, found "[]}}]"`,
		`[{"headers":7}]`:               `event 1: headers: want names and values in { } after 12 bytes, found "7}]"`,
		`[{"body":"x"`:                  "event 1: want a comma or } after 12 bytes, found the end",
		`[{"body":"x`:                   "event 1: body: the string that begins after 9 bytes has no end",
		`[{"body":"\ux"}]`:              `event 1: body: want u and four hexadecimal digits after 11 bytes, found "ux\"}]"`,
		`[] x`:                          `want nothing after 3 bytes, found "x"`,
	} {
		const form = `Bad request from client. want [{"headers": {"a": "b"}, "body": "text"}]: `
		if _, err := parseJSONEvents([]byte(body), &utf8); err == nil || err.Error() != form+want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// Half of a surrogate pair is what Java writes for it in the charset of the body.
func TestJSONEventsCharsets(t *testing.T) {
	for name, want := range map[string]string{
		"utf-16": "\xfe\xff\x00a\xff\xfd\xd8\x3d\xde\x00", "UTF-32": "\x00\x00\x00a\x00\x00\xff\xfd\x00\x01\xf6\x00",
	} {
		out := must(newCharset(name))
		events, err := parseJSONEvents([]byte(`[{"headers":{"h":"\ud83d"},"body":"a\ude00\ud83d\ude00"},{"body":""},{}]`), &out)
		if err != nil {
			t.Fatal(err)
		}
		wantBodies(t, texts(events), "h=?|"+want, "|", "|")
	}
}

// What is JSON can be read, and the events are those that encoding/json finds.
func FuzzJSONEvents(f *testing.F) {
	for _, test := range jsonBodies {
		if len(test.body) < 1000 {
			f.Add([]byte(test.body))
		}
	}
	utf8 := must(newCharset("UTF-8"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, _, _, _ := utf8.decode(data, malformedReplaced)
		events, err := parseJSONEvents(text, &utf8)
		if json.Valid(text) {
			r := newJSONReader(text)
			if err := r.skip(); err != nil || r.end() != nil {
				t.Fatalf("%q: %v, %v", text, err, r.end())
			}
		}
		var list []map[string]json.RawMessage
		if err != nil || json.Unmarshal(text, &list) != nil || strings.Contains(strings.ToLower(string(text)), `\ud`) {
			return
		}
		if len(events) != len(list) {
			t.Fatalf("%q: %d events, want %d", text, len(events), len(list))
		}
		for i, object := range list {
			var headers map[string]json.RawMessage
			if object["headers"] != nil && json.Unmarshal(object["headers"], &headers) != nil {
				continue // pairs
			}
			want := flume.Event{Body: []byte(jsonScalar(t, object["body"]))}
			for key, value := range headers {
				if string(value) != "null" {
					want.Headers = append(want.Headers, flume.Header{Key: key, Value: jsonScalar(t, value)})
				}
			}
			if got, want := eventText(events[i]), eventText(want); got != want {
				t.Fatalf("%q: event %d is %q, want %q", text, i+1, got, want)
			}
		}
	})
}

// jsonScalar is what encoding/json makes of a text, a number or a truth value.
func jsonScalar(t *testing.T, raw json.RawMessage) string {
	var value any
	if raw == nil || json.Unmarshal(raw, &value) == nil && value == nil {
		return ""
	}
	if text, ok := value.(string); ok {
		return text
	}
	if raw[0] == '{' || raw[0] == '[' {
		t.Fatalf("%s is taken for a text", raw)
	}
	return string(raw)
}

// A request of a thousand events of 250 bytes with two headers.
func BenchmarkJSONEvents(b *testing.B) {
	event := fmt.Sprintf(`{"headers":{"host":"web-1","timestamp":"1700000000000"},"body":"%s \"quoted\""}`, strings.Repeat("x", 240))
	text := []byte("[" + strings.Repeat(event+",", 999) + event + "]")
	utf8 := must(newCharset("UTF-8"))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseJSONEvents(text, &utf8); err != nil {
			b.Fatal(err)
		}
	}
}

// Headers keep the order in which they stand: in one bucket, Flume lists them so.
func TestJSONHeaderOrder(t *testing.T) {
	tests := []struct{ headers, want string }{
		{`{"timestamp":"1","cid":"2"}`, "[{timestamp 1} {cid 2}]"},
		{`{"cid":"2","timestamp":"1"}`, "[{cid 2} {timestamp 1}]"},
		{`{"b":null,"c":"3","a":null,"b":"2"}`, "[{b 2} {c 3}]"},
		{`[["z","1"],["a","2"]]`, "[{z 1} {a 2}]"},
	}
	for _, test := range tests {
		events, err := readJSONEvents(httptest.NewRequest("POST", "/", strings.NewReader(`[{"headers":`+test.headers+`}]`)))
		if err != nil || len(events) != 1 || fmt.Sprint(events[0].Headers) != test.want {
			t.Errorf("%s: %v %v, want %s", test.headers, events, err, test.want)
		}
	}
}

// A copy for a further channel is printed as the event itself.
func TestCopiesOfHeadersAreListedAlike(t *testing.T) {
	e := flume.Event{Headers: flume.Headers{{Key: "a", Value: "1"}}, Copied: flume.AsListed(1)}
	if got := cloneHeaders([]flume.Event{e})[0].Copied; got != e.Copied {
		t.Errorf("copied %d, want %d", got, e.Copied)
	}
}
