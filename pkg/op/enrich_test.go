package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

const (
	chromeAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	curlFields  = `"browser":"curl","browser_version":"8.5.0","device":"bot","bot":true`
)

func TestEnrich(t *testing.T) {
	checkCases(t, Enrich, []opCase{
		{name: "both", in: []string{`{"ip":"193.0.6.139","agent":"curl/8.5.0"}`, `{"agent":"` + chromeAgent + `","n": 1}`},
			want: []string{`{"ip":"193.0.6.139","agent":"curl/8.5.0","country":"NL",` + curlFields + `}`,
				`{"agent":"` + chromeAgent + `","n": 1,"browser":"Chrome","browser_version":"124.0.0.0","os":"Windows","os_version":"10","device":"desktop","bot":false}`}},
		{name: "nothing to add", in: []string{`{"a": 1}`, `{"ip":"10.0.0.1"}`, `{"ip":"host.example.com"}`, `{"ip":8,"agent":null}`, `{"ip":"","agent":""}`, `{"agent":"-"}`},
			want: []string{`{"a": 1}`, `{"ip":"10.0.0.1"}`, `{"ip":"host.example.com"}`, `{"ip":8,"agent":null}`, `{"ip":"","agent":""}`, `{"agent":"-"}`}},
		{name: "addresses", words: []string{"--only", "country"},
			in: []string{`{"ip":"8.8.8.8"}`, `{"ip":"2001:4860:4860::8888"}`, `{"ip":"::ffff:8.8.8.8"}`, `{"ip":"8.8.8.8:4711"}`, `{"ip":"[2001:4860:4860::8888]:1"}`,
				`{"ip":"[2001:4860:4860::8888]"}`, `{"ip":" 8.8.8.8, 10.0.0.1"}`, `{"ip":"8.8.8\u002e8"}`, `{"ip":"8.8.8.8.8"}`, `{"ip":"[8.8.8.8"}`},
			want: []string{`{"ip":"8.8.8.8","country":"US"}`, `{"ip":"2001:4860:4860::8888","country":"US"}`, `{"ip":"::ffff:8.8.8.8","country":"US"}`,
				`{"ip":"8.8.8.8:4711","country":"US"}`, `{"ip":"[2001:4860:4860::8888]:1","country":"US"}`, `{"ip":"[2001:4860:4860::8888]","country":"US"}`,
				`{"ip":" 8.8.8.8, 10.0.0.1","country":"US"}`, `{"ip":"8.8.8\u002e8","country":"US"}`, `{"ip":"8.8.8.8.8"}`, `{"ip":"[8.8.8.8"}`}},
		{name: "an unknown agent is no bot", words: []string{"--only", "bot,browser"}, in: []string{`{"agent":"\\"}`}, want: []string{`{"agent":"\\","bot":false}`}},
		{name: "replaces in place", in: []string{`{"country":"XX","ip":"8.8.8.8","z":1}`, `{"country":"XX","ip":"10.0.0.1"}`},
			want: []string{`{"country":"US","ip":"8.8.8.8","z":1}`, `{"country":"XX","ip":"10.0.0.1"}`}},
		{name: "paths and flat keys", words: []string{"--ip", "client.address", "--agent", "user_agent.original", "--only", "bot,country"},
			in:   []string{`{"client":{"address":"8.8.8.8"},"user_agent":{"original":"curl/8.5.0"}}`, `{"client.address":"8.8.8.8"}`},
			want: []string{`{"client":{"address":"8.8.8.8"},"user_agent":{"original":"curl/8.5.0"},"country":"US","bot":true}`, `{"client.address":"8.8.8.8","country":"US"}`}},
	})
	checkRefused(t, Enrich, []string{"x"}, []string{"--only=nope"}, []string{"--only=city"}, []string{"--ip=a[x]"}, []string{"--agent=a[x]"},
		[]string{"--geo=" + filepath.Join(t.TempDir(), "none.mmdb")})
}

func TestEnrichKeepsTheEditsOfOtherStages(t *testing.T) {
	in := strings.Repeat(`{"ip":"8.8.8.8","agent":"curl/8.5.0","os":"x"}`+"\n", 1000)
	o := everyWay(t, in, func() []stream.Stage {
		return []stream.Stage{buildStage(t, Set, "country='?'", "n=1"), buildStage(t, Enrich), buildStage(t, Where, "country = 'US' and bot"),
			buildStage(t, Set, "v=concat(browser, ' ', browser_version)"), buildStage(t, Drop, "device", "agent")}
	})
	want := strings.Repeat(`{"ip":"8.8.8.8","os":"x","country":"US","n":1,"browser":"curl","browser_version":"8.5.0","bot":true,"v":"curl 8.5.0"}`+"\n", 1000)
	if o.out != want {
		t.Errorf("got\n%s", head20(o.out))
	}
}

// TestEnrichForgets fills the memory of answers more than once.
func TestEnrichForgets(t *testing.T) {
	w := newEnricher(buildStage(t, Enrich, "--only", "country").(*enrich), stream.AllFields(), &stream.Env{})
	b := stream.NewBatch()
	check := func(ip, want string) {
		t.Helper()
		b.Reset()
		r := b.New()
		record.NewScanner().Scan(padded(`{"ip":"`+ip+`"}`), 0, r)
		r.Arena = &b.Arena
		if err := w.Process(b, func(*stream.Batch) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if got := string(r.AppendJSON(nil)); got != `{"ip":"`+ip+`"`+want+`}` {
			t.Fatal(got)
		}
	}
	for i := range maxAnswers + 10 {
		check(fmt.Sprintf("::ffff:10.%d.%d.%d", i>>16, i>>8&255, i&255), "")
	}
	if n := w.places.Len(); n > maxAnswers {
		t.Errorf("%d answers", n)
	}
	for i := range 2 * maxAnswerBytes / maxAnswerKey {
		check(fmt.Sprintf("%0*d", maxAnswerKey, i), "")
	}
	check(strings.Repeat("x", maxAnswerKey+1), "")
	for range 2 {
		check("8.8.8.8", `,"country":"US"`)
		check("2001:4860:4860::8888", `,"country":"US"`)
		check("193.0.6.139", `,"country":"NL"`)
	}
}

// padded is a line with its end and the bytes that the scanner may read behind it.
func padded(line string) []byte {
	b := append([]byte(line), '\n')
	return append(b, make([]byte, record.Padding)...)[:len(b)]
}

func TestEnrichTellsWrongNames(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"addr":"8.8.8.8"}`, `the first record has no text in the field \"ip\" (--ip) or \"agent\" (--agent)`},
		{"{\"addr\":\"8.8.8.8\"}\n{}\n", "the first 2 records have no text"},
		{`{"ip":"8.8.8.8"}`, ""},
		{"", ""},
	} {
		var log bytes.Buffer
		stage := buildStage(t, Enrich)
		env := &stream.Env{Log: slog.New(slog.NewTextHandler(&log, nil))}
		_, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(strings.NewReader(c.in), "", nil), Stages: []stream.Stage{stage}, Sink: &memorySink{}},
			stream.Options{Workers: 2, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		if got := log.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.in, got)
		}
	}
}

func TestEnrichFromADatabase(t *testing.T) {
	path := writeDatabase(t, map[string]any{
		"192.0.2.0/24": map[string]any{"country": map[string]any{"iso_code": "DE"}, "city": map[string]any{"names": map[string]any{"en": `K"ln`}},
			"subdivisions": []any{map[string]any{"iso_code": "NW"}}, "location": map[string]any{"latitude": 50.5, "longitude": 7.0}},
		"198.51.100.0/24": map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example AG"},
		"203.0.113.0/24":  brokenValue{},
	})
	in := []string{`{"ip":"192.0.2.1"}`, `{"ip":"198.51.100.9","asn":"old"}`, `{"ip":"8.8.8.8"}`, `{"ip":"203.0.113.1"}`}
	checkCases(t, Enrich, []opCase{
		{name: "all", words: []string{"--geo", path}, in: in, want: []string{
			`{"ip":"192.0.2.1","country":"DE","region":"NW","city":"K\"ln","lat":50.5,"lon":7}`,
			`{"ip":"198.51.100.9","asn":64500,"org":"Example AG"}`, in[2], in[3]}},
		{name: "some", words: []string{"--geo", path, "--only", "asn,city"}, in: in, want: []string{
			`{"ip":"192.0.2.1","city":"K\"ln"}`, `{"ip":"198.51.100.9","asn":64500}`, in[2], in[3]}},
	})
	var log bytes.Buffer
	_, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(strings.NewReader(strings.Repeat(in[3]+"\n", 3)), "", nil),
		Stages: []stream.Stage{buildStage(t, Enrich, "--geo", path)}, Sink: &memorySink{}},
		stream.Options{Workers: 2, Env: &stream.Env{Log: slog.New(slog.NewTextHandler(&log, nil))}})
	if err != nil || strings.Count(log.String(), "203.0.113.0/24") != 1 {
		t.Errorf("%v: %s", err, log.String())
	}
}

func TestEnrichDoesNotAllocate(t *testing.T) {
	w := newEnricher(buildStage(t, Enrich).(*enrich), stream.AllFields(), &stream.Env{})
	b, line, s := stream.NewBatch(), padded(`{"ip":"8.8.8.8","agent":"`+chromeAgent+`"}`), record.NewScanner()
	emit := func(*stream.Batch) error { return nil }
	step := func() {
		b.Reset()
		for range 10 {
			r := b.New()
			r.Reset(nil, &b.Arena)
			s.Scan(line, 0, r)
		}
		w.Process(b, emit)
	}
	step()
	if n := logpipetest.Allocs(100, step); n > 0 {
		t.Errorf("%v allocations in 10 records", n)
	}
}

func FuzzParseIPv4(f *testing.F) {
	for _, s := range []string{"8.8.8.8", "255.255.255.255", "256.1.1.1", "01.1.1.1", "0.0.0.0", "1.1.1", "1.1.1.1.", "1..1.1", "", "1.2.3.4.5", "1.2.3.04"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseIPv4([]byte(s))
		want, err := netip.ParseAddr(s)
		if ok != (err == nil && want.Is4()) || ok && got != want {
			t.Errorf("%q: %v %v, want %v %v", s, got, ok, want, err)
		}
	})
}

func BenchmarkEnrich(b *testing.B) {
	w := newEnricher(buildStageB(b, Enrich).(*enrich), stream.AllFields(), &stream.Env{})
	batch, s := stream.NewBatch(), record.NewScanner()
	var lines [][]byte
	for i := range 256 {
		lines = append(lines, padded(fmt.Sprintf(`{"ip":"8.8.%d.8","agent":"%s.%d"}`, i*7%256, chromeAgent, i%40)))
	}
	emit := func(*stream.Batch) error { return nil }
	for _, line := range lines {
		r := batch.New()
		r.Reset(nil, &batch.Arena)
		s.Scan(line, 0, r)
	}
	for b.Loop() {
		batch.Arena.Buf = batch.Arena.Buf[:0]
		for _, r := range batch.Records {
			r.Edits = r.Edits[:0]
		}
		w.Process(batch, emit)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}

func buildStageB(b *testing.B, d Definition) stream.Stage {
	use, set := d.New(), option.Set{}
	use.Options(&set)
	s, err := use.Build(nil)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// writeDatabase writes a MaxMind DB of IPv4 networks, which must not overlap,
// with records of 32 bits, as https://maxmind.github.io/MaxMind-DB/ has it.
func writeDatabase(t *testing.T, records map[string]any) string {
	t.Helper()
	nodes := [][2]int{{}} // > 0: a node, < 0: an offset of the data - 1, 0: nothing
	var data []byte
	for _, text := range slices.Sorted(maps.Keys(records)) {
		p := netip.MustParsePrefix(text)
		addr, node := p.Addr().As4(), 0
		for i := range p.Bits() {
			side := addr[i/8] >> (7 - i%8) & 1
			if i == p.Bits()-1 {
				nodes[node][side] = -len(data) - 1
			} else if nodes[node][side] == 0 {
				nodes = append(nodes, [2]int{})
				nodes[node][side] = len(nodes) - 1
			}
			node = max(nodes[node][side], 0)
		}
		data = appendDatabaseValue(t, data, records[text])
	}
	var out []byte
	for _, n := range nodes {
		for _, to := range n {
			switch {
			case to == 0:
				to = len(nodes)
			case to < 0:
				to = len(nodes) + 16 - to - 1
			}
			out = binary.BigEndian.AppendUint32(out, uint32(to))
		}
	}
	out = append(append(append(out, make([]byte, 16)...), data...), "\xab\xcd\xefMaxMind.com"...)
	out = appendDatabaseValue(t, out, map[string]any{"binary_format_major_version": uint32(2), "binary_format_minor_version": uint32(0),
		"build_epoch": uint32(1767312000), "database_type": "Test", "description": map[string]any{"en": "made by a test"},
		"ip_version": uint32(4), "languages": []any{"en"}, "node_count": uint32(len(nodes)), "record_size": uint32(32)})
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// brokenValue is a record that cannot be read.
type brokenValue struct{}

func appendDatabaseValue(t *testing.T, out []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		if len(v) >= 29 {
			return append(append(out, 2<<5|29, byte(len(v)-29)), v...)
		}
		return append(append(out, byte(2<<5|len(v))), v...)
	case float64:
		return binary.BigEndian.AppendUint64(append(out, 3<<5|8), math.Float64bits(v))
	case brokenValue: // a map whose value is a pointer behind the end
		return append(appendDatabaseValue(t, append(out, 7<<5|1), "country_code"), "\x38\xff\xff\xff\xff"...)
	case uint32:
		return binary.BigEndian.AppendUint32(append(out, 6<<5|4), v)
	case []any:
		out = append(out, byte(len(v)), 11-7)
		for _, e := range v {
			out = appendDatabaseValue(t, out, e)
		}
	case map[string]any:
		out = append(out, byte(7<<5|len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = appendDatabaseValue(t, appendDatabaseValue(t, out, k), v[k])
		}
	}
	return out
}
