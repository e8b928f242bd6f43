package op

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestWhere(t *testing.T) {
	in := []string{`{"a": 1.0,"b":"x"}`, `{"a":2}`, `{"b":"y"}`, `{"a":"2"}`, `{"a":null}`, `{"a":false}`, `{"a":0}`}
	checkCases(t, Where, []opCase{
		{name: "comparison keeps the bytes", words: []string{"a <= 1"}, in: in, want: []string{in[0], in[6]}},
		{name: "not true is not false", words: []string{"not a <= 1"}, in: in, want: []string{in[1]}},
		{name: "present", words: []string{"a"}, in: in, want: []string{in[0], in[1], in[3], in[6]}},
		{name: "text", words: []string{"b == 'y'"}, in: in, want: []string{in[2]}},
		{name: "no object is refused", words: []string{"a"}, in: []string{`{"a":1}`, `x`, `[1]`}, want: []string{`{"a":1}`}, errs: 2},
		{name: "nothing", words: []string{"a > 100"}, in: in},
	})
	checkRefused(t, Where, nil, []string{"a", "b"}, []string{"a >"}, []string{""})
}

func TestClocksAreTold(t *testing.T) {
	for _, c := range []struct {
		d             Definition
		clock, replay []string
	}{
		{Where, []string{"time(t) < now()"}, []string{"a > 1"}},
		{Set, []string{"a=1", "b=now()"}, []string{"a=1"}},
		{Select, []string{"a", "b=now()"}, []string{"a", "b=a"}},
		{Each, []string{"a=if(now() > 1, x, y)"}, []string{"a=x"}},
	} {
		type clocked interface{ UsesClock() bool }
		if !plainStage(t, c.d, c.clock...).(clocked).UsesClock() || plainStage(t, c.d, c.replay...).(clocked).UsesClock() {
			t.Errorf("%s does not tell that it uses the clock", c.d.Name)
		}
	}
}

// oneBatch indexes lines as one batch.
func oneBatch(tb testing.TB, lines ...string) *stream.Batch {
	tb.Helper()
	b, s := stream.NewBatch(), record.NewScanner()
	for _, line := range lines {
		r := b.New()
		r.Reset([]byte(line), &b.Arena)
		if err := stream.IndexLine(s, r); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

// parallelOperator makes the operator of one worker.
func parallelOperator(tb testing.TB, d Definition, words ...string) stream.Operator {
	tb.Helper()
	op, err := plainStage(tb, d, words...).(stream.Parallel).Parallel(&stream.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	return op
}

func nowhere(*stream.Batch) error { return nil }

// steps runs the chain over the batch again and again from its first state.
func steps(tb testing.TB, b *stream.Batch, ops ...stream.Operator) func() {
	tb.Helper()
	records := append([]*record.Record(nil), b.Records...)
	lines := make([]record.Record, len(records))
	for i, r := range records {
		r.CopyTo(&lines[i])
	}
	return func() {
		b.Records = append(b.Records[:0], records...)
		b.Arena.Buf = b.Arena.Buf[:0]
		for i, r := range b.Records {
			lines[i].CopyTo(r)
		}
		for _, op := range ops {
			if err := op.Process(b, nowhere); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// accessLines are records of an access log, every tenth an error.
func accessLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		status := 200
		if i%10 == 0 {
			status = 404
		}
		lines[i] = fmt.Sprintf(`{"time":"2015-05-17T10:05:%02dZ","ip":"83.149.9.%d","method":"GET","path":"/presentations/logstash-%d/images/kibana.png","proto":"HTTP/1.1","status":%d,"bytes":%d,"referer":"http://semicomplete.com/presentations/","agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36"}`,
			i%60, i%256, i, status, i*13)
	}
	return lines
}

func TestNoAllocations(t *testing.T) {
	lines := accessLines(100)
	for name, ops := range map[string][]stream.Operator{
		"where":            {parallelOperator(t, Where, "status >= 400 and bytes > 100")},
		"select":           {parallelOperator(t, Select, "ip", "path", "status", "kb=bytes/1024")},
		"set":              {parallelOperator(t, Set, "kb=bytes/1024", "big=kb > 1")},
		"drop":             {parallelOperator(t, Drop, "agent", "nothing")},
		"rename":           {parallelOperator(t, Rename, "client=ip", "size=bytes")},
		"where and select": {parallelOperator(t, Where, "status >= 400"), parallelOperator(t, Select, "ip", "path", "status")},
	} {
		b := oneBatch(t, lines...)
		run := steps(t, b, ops...)
		run()
		if n := logpipetest.Allocs(20, run); n > 0 {
			t.Errorf("%s: %v allocations for %d records", name, n, len(lines))
		}
	}
}

func BenchmarkOperators(b *testing.B) {
	lines := accessLines(256)
	size := 0
	for _, l := range lines {
		size += len(l) + 1
	}
	for name, ops := range map[string][]stream.Operator{
		"nothing": nil,
		"where":   {parallelOperator(b, Where, "status >= 400")},
		"select":  {parallelOperator(b, Select, "ip", "path", "status")},
		"w5":      {parallelOperator(b, Where, "status >= 400"), parallelOperator(b, Select, "ip", "path", "status")},
		"set":     {parallelOperator(b, Set, "kb=bytes/1024")},
		"rename":  {parallelOperator(b, Rename, "client=ip")},
	} {
		b.Run(name, func(b *testing.B) {
			batch := oneBatch(b, lines...)
			run := steps(b, batch, ops...)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

// BenchmarkFilterAndProject is the whole way of a record on one core: scanned,
// filtered, projected, printed.
func BenchmarkFilterAndProject(b *testing.B) {
	input := []byte(strings.Join(append(accessLines(20_000), ""), "\n"))
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		stages := []stream.Stage{plainStage(b, Where, "status >= 400"), plainStage(b, Select, "ip", "path", "status")}
		_, err := stream.Run(b.Context(), stream.Pipeline{Source: stream.NewReader(bytes.NewReader(input), "", nil), Stages: stages, Sink: &memorySink{}},
			stream.Options{Workers: 1, Env: &stream.Env{}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// plainStage makes the stage of a definition without options.
func plainStage(tb testing.TB, d Definition, words ...string) stream.Stage {
	tb.Helper()
	s, err := d.New().Build(words)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
