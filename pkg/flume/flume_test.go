package flume

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHeaders(t *testing.T) {
	var h Headers
	h.Set("a", "1")
	h.Set("b", "2")
	c := h.Clone()
	c.Set("a", "3")
	if v, ok := h.Get("a"); v != "1" || !ok {
		t.Fatalf("a = %q", v)
	}
	if _, ok := h.Get("c"); ok || len(h) != 2 {
		t.Fatalf("headers %v", h)
	}
}

func TestJavaHash(t *testing.T) {
	// String.hashCode of these texts, spread by HashMap.hash.
	for text, want := range map[string]uint32{
		"": 0, "a": 97, "Aa": 2112, "BB": 2112,
		"hello": 99162322 ^ 99162322>>16,
		"😀":     1772899 ^ 1772899>>16,
	} {
		if got := javaHash(text); got != want {
			t.Errorf("javaHash(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestJavaOrder(t *testing.T) {
	tests := []struct{ set, want string }{
		{"", ""},
		{"b a", "a b"},
		{"BB Aa", "BB Aa"}, // one bucket: the older one first
		{"Aa BB", "Aa BB"},
		{"timestamp host", "host timestamp"},
		{"q p o n m l k j i h g f e d c b a", "a b c d e f g h i j k l m n o p q"},
	}
	for _, test := range tests {
		if got := inJavaOrder(test.set, nil); got != test.want {
			t.Errorf("set %q, order %v, want %q", test.set, got, test.want)
		}
	}
}

// inJavaOrder sets headers in the order of their names in set, copies them as copied
// says, nil = not, and returns the names in Java's order.
func inJavaOrder(set string, copied func(n int) uint8) string {
	var h Headers
	for _, key := range strings.Fields(set) {
		h.Set(key, "")
	}
	how := uint8(0)
	if copied != nil {
		how = copied(len(h))
	}
	var got []string
	for _, header := range JavaOrder(h, how) {
		got = append(got, header.Key)
	}
	return strings.Join(got, " ")
}

// What Java lists of a HashMap that was made of a LinkedHashMap.
func TestJavaOrderOfListed(t *testing.T) {
	tests := []struct{ set, want string }{
		{"timestamp cid", "timestamp cid"},
		{"cid timestamp", "cid timestamp"},
		{"k25 k61", "k25 k61"},
		{"k35 k0 k51", "k35 k0 k51"},
		{"k88 k19 k1", "k88 k19 k1"},
		{"k71 k30 k53 k19 k63", "k53 k30 k63 k19 k71"},
		{"k60 k84 k73 k17 k45 k74 k7 k24 k23 k58 k64 k41", "k60 k84 k73 k64 k74 k41 k7 k24 k45 k23 k58 k17"},
	}
	for _, test := range tests {
		if got := inJavaOrder(test.set, AsListed); got != test.want {
			t.Errorf("set %q, order %v, want %q", test.set, got, test.want)
		}
	}
}

// TestJavaOrderOfJava compares with what Java lists.
func TestJavaOrderOfJava(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "flume", "hashmap.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(f) != 3 {
			continue
		}
		rows++
		var h Headers
		for _, key := range strings.Fields(f[0]) {
			h.Set(key, "")
		}
		copied, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, header := range JavaOrder(h, AsCopied(max(copied, 0))) {
			got = append(got, header.Key)
		}
		if strings.Join(got, " ") != f[2] {
			t.Errorf("%s of which %d were copied:\n got %v\nwant %s", f[0], copied, got, f[2])
		}
	}
	if rows < 150 {
		t.Errorf("only %d rows", rows)
	}
}

func TestProperties(t *testing.T) {
	var (
		p     Properties
		text  string
		host  string
		on    bool
		word  string
		port  int
		count int
		wait  time.Duration
		rest  map[string]string
	)
	p.String(&text, "text", "x", "help").Formerly("old")
	p.Host(&host, "host", "help").Require()
	p.Bool(&on, "on", false, "help")
	p.Choice(&word, "word", "", []string{"One", "two"}, "help")
	p.Port(&port, "port", "help")
	p.Int(&count, "count", 5, 1, "help").In("events")
	p.Duration(&wait, "wait", 3*time.Second, time.Second, "help")
	p.Family(&rest, "rest.", "help")
	tests := []struct{ name, value, err string }{
		{"text", "a  # b", ""}, {"old", "y", ""},
		{"host", "localhost", ""}, {"host", "localhost # x", "want a host name"},
		{"on", "TRUE", ""}, {"on", "yes", `want true or false, not "yes"`},
		{"word", "ONE", ""}, {"word", "three", "want one of One, two"},
		{"port", "0", ""}, {"port", "65536", "want at most 65535"}, {"port", "abc", `want a whole number, not "abc"`},
		{"count", "7", ""}, {"count", "0", "want at least 1, not 0 (in events)"}, {"count", "lots", `not "lots" (in events)`},
		{"wait", "10", ""}, {"wait", "-1", "want at least 0, not -1 (in s)"}, {"wait", "10s", "(in s)"},
		{"wait", "9223372036854775807", ""},
		{"rest.a.b", "c", ""},
	}
	for _, test := range tests {
		q, old := p.Lookup(test.name)
		if q == nil || old != (test.name == "old") {
			t.Fatalf("%s: %v %v", test.name, q, old)
		}
		err := q.Assign(test.name, test.value)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s = %s: %v, want %s", test.name, test.value, err, test.err)
		}
	}
	if text != "y" || host != "localhost" || !on || word != "One" || count != 7 || wait < 290*365*24*time.Hour || rest["a.b"] != "c" {
		t.Errorf("%q %q %v %q %d %v %v", text, host, on, word, count, wait, rest)
	}
	if q, _ := p.Lookup("rest."); q != nil {
		t.Error("a family without a name")
	}
	if q, _ := p.Lookup("nothing"); q != nil {
		t.Error("found what is not there")
	}
}

func TestTable(t *testing.T) {
	table := Table[int]{{Alias: "TAILDIR", Classes: []string{"x.Taildir"}}, {Classes: []string{"x.Kafka", "y.Kafka"}}}
	for name, want := range map[string]string{
		"taildir": "TAILDIR", "TailDir": "TAILDIR", "x.Taildir": "TAILDIR", "y.Kafka": "x.Kafka", "x.taildir": "", "": "",
	} {
		got := ""
		if typ := table.Lookup(name); typ != nil {
			got = typ.Name()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(table.Names(), " "); got != "TAILDIR x.Taildir x.Kafka y.Kafka" {
		t.Errorf("names %s", got)
	}
}

// To try a text changes nothing: a mistake is reported, and not mended unseen.
func TestAcceptsLeavesTheValue(t *testing.T) {
	var p Properties
	var n int
	var host string
	capacity := p.Int(&n, "capacity", 100, 1, "")
	bind := p.Host(&host, "bind", "")
	if !capacity.Accepts("10000") || capacity.Accepts("0") || capacity.Accepts("lots") || n != 100 || capacity.IsSet() {
		t.Errorf("capacity %d", n)
	}
	if !bind.Accepts("localhost") || bind.Accepts("a;b") || host != "" || bind.IsSet() {
		t.Errorf("bind %q", host)
	}
}
