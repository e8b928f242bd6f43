package expr

import (
	"fmt"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
)

var benchCases = []struct{ name, src string }{
	{"heat", "0.8*clicks+0.8*minutes+like"},
	{"status", "status >= 400"},
	{"status_eq", "status == 404"},
	{"ratio", "clicks / minutes"},
	{"and", "status >= 400 and status < 500"},
	{"text_eq", "method == 'GET'"},
	{"starts", "starts_with(path, '/course/')"},
	{"contains", "contains(agent, 'Chrome')"},
	{"regexp_prefix", "path =~ '^/course/'"},
	{"regexp_literals", "agent =~ 'bot|crawl|spider'"},
	{"in", "method in ('POST', 'PUT', 'DELETE')"},
	{"if", "if(status < 400, 0, status < 500, 1, 2)"},
	{"bot_chain", botChain},
	{"extract", `number(extract(path, '/course/(\d+)'))`},
	{"concat", "concat(method, ' ', path)"},
	{"trunc_time", "trunc_time(time, '1m')"},
}

func benchRecords(b testing.TB) []record.Record {
	agents := []string{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:27.0) Gecko/20100101 Firefox/27.0", "curl/8.5.0", "Some Unknown Client/1.0"}
	s := record.NewScanner()
	list := make([]record.Record, 64)
	for i := range list {
		line := benchLines(1, func(int) string {
			return fmt.Sprintf(`{"page":"page%d","clicks":%d,"minutes":%.7f,"like":%d,"status":%d,"method":"GET","path":"/course/%d.html","agent":"%s","time":"2026-03-01T12:%02d:00Z"}`,
				i%100, i%10+1, float64(i)*0.0043127, i%3-1, []int{200, 200, 404, 500}[i%4], i%500, agents[i*7%len(agents)], i%60)
		})
		list[i].Arena = new(record.Arena)
		if _, err := s.Scan(line, 0, &list[i]); err != nil {
			b.Fatal(err)
		}
	}
	return list
}

func BenchmarkEval(b *testing.B) {
	records := benchRecords(b)
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			p := mustParse(b, c.src).Compile(Env{})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Eval(&records[i&63])
			}
		})
	}
}

func BenchmarkTrue(b *testing.B) {
	records := benchRecords(b)
	for _, c := range benchCases {
		p := mustParse(b, c.src).Compile(Env{})
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				p.True(&records[i&63])
			}
		})
	}
}

func BenchmarkNumber(b *testing.B) {
	records := benchRecords(b)
	for _, c := range benchCases[:4] {
		p := mustParse(b, c.src).Compile(Env{})
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				p.Number(&records[i&63])
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		mustParse(b, "0.8*clicks+0.8*minutes+like").Compile(Env{})
	}
}

func BenchmarkGet(b *testing.B) {
	records := benchRecords(b)
	f := record.MustField("status")
	b.Run("get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			records[i&63].Get(f)
		}
	})
	s := newSlot(f)
	b.Run("slot", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.number(&records[i&63])
		}
	})
	b.Run("const", func(b *testing.B) {
		p := mustParse(b, "1").Compile(Env{})
		for i := 0; b.Loop(); i++ {
			p.Eval(&records[i&63])
		}
	})
}

// Neither numbers nor conditions nor texts allocate once buffers have grown and
// memos have seen the texts.
func TestNoAllocations(t *testing.T) {
	records := benchRecords(t)
	for _, c := range benchCases {
		p := mustParse(t, c.src).Compile(Env{})
		if n := testing.AllocsPerRun(20, func() {
			for i := range records {
				p.Eval(&records[i])
				p.True(&records[i])
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d records", c.src, n, len(records))
		}
	}
}
