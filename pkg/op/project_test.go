package op

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

func TestWhatStagesRead(t *testing.T) {
	access := []string{"access", "--extract", "path=/course/{course}.html"}
	for _, c := range []struct {
		d     Definition
		words []string
		out   string // fields read behind the stage, * for all
		want  string
	}{
		{Where, []string{"a.b > 1 and c"}, "x", "a a.b c x"},
		{Where, []string{"a"}, "*", "*"},
		{Select, []string{"a", "b=c+d", "['e f']"}, "*", "a c d e f"},
		{Set, []string{"a=b", "c=a+d", "e=f"}, "c", "b d"},
		{Set, []string{"a=a+1"}, "a", "a"},
		{Set, []string{"a=b", "b=a"}, "a b", "b"},
		{Set, []string{"a=b"}, "*", "*"},
		{Each, []string{"a=b"}, "a c", "b c"},
		{Each, []string{"a=a"}, "", "a"},
		{Drop, []string{"a", "b"}, "a c", "c"},
		{Rename, []string{"a=b", "c=d"}, "a e", "a b e"},
		{Rename, []string{"a=b", "b=a"}, "a", "a b"},
		{Head, []string{"3"}, "a", "a"},
		{Enrich, nil, "country a", "a agent country ip"},
		{Enrich, []string{"--only", "asn", "--geo", writeDatabase(t, map[string]any{"10.0.0.0/8": map[string]any{"asn": uint32(1)}})}, "", "ip"},
		{Enrich, []string{"--ip", "client.address", "--only", "country"}, "os", "client client.address os"},
		{Parse, access, "a", "*"},
		{Top, []string{"3", "--by", "a"}, "a", "*"},
		{Aggregate, nil, "*", ""},
		{Aggregate, []string{"--by", "a,b.c", "count", "x=sum(d*e)"}, "*", "a b b.c d e"},
		{Aggregate, []string{"--window", "1m"}, "*", "@timestamp time timestamp ts"},
		{Aggregate, []string{"--window", "1m", "--time", "at"}, "*", "at"},
		{Aggregate, []string{"--window", "1m", "--late", "file=x"}, "*", "*"},
		{Aggregate, []string{"first(a)", "--time", "at"}, "*", "a at"},
	} {
		out := stream.AllFields()
		if c.out != "*" {
			out = fieldsNamed(t, strings.Fields(c.out)...)
		}
		got := stream.AllFields()
		if p, ok := buildStage(t, c.d, c.words...).(stream.Projector); ok {
			_, got = p.Project(out)
		}
		if got.String() != c.want {
			t.Errorf("%s %q for %s reads %q, want %q", c.d.Name, c.words, c.out, got, c.want)
		}
	}
}

func fieldsNamed(t *testing.T, names ...string) stream.Fields {
	list, err := fieldList("", names)
	if err != nil {
		t.Fatal(err)
	}
	return stream.FieldsOf(list...)
}

// words of stages: the first ones read lines, the last ones end what is read.
var (
	firstStages = [][]string{
		{"parse", "access"}, {"parse", "combined"}, {"parse", "text"},
		{"parse", "access", "--extract", "path=/course/{course}.html", "--extract", "path=/video/{course:int}", "--extract", "agent={a}/{b}"},
		{"parse", "access", "--schema", "otel"},
		{"parse", "nginx", `$remote_addr - $remote_user [$time_local] "$request_method $request_uri $server_protocol" $status $body_bytes_sent "$http_referer" "$http_user_agent"`},
		{"parse", "regex", `^(?P<ip>\S+) \S+ (?P<user>\S+) .(?P<time>[^]]+). "(?P<method>\S+) (?P<path>\S+) `},
	}
	middleStages = [][]string{
		{"where", "status >= 300"}, {"where", "path =~ 'course' or bot"}, {"enrich"}, {"enrich", "--only", "country,os"},
		{"set", "upper=lower(agent)", "bytes=bytes*2", "path=agent"}, {"set", "a=path", "b=a", "a=status"}, {"set", "time=null"},
		{"drop", "path", "agent"}, {"rename", "path=agent"}, {"rename", "status=bytes", "bytes=status"},
		{"each", "word=split(path, '/')"}, {"each", "path=user"}, {"select", "path", "status", "agent", "ip", "time", "n=bytes"}, {"head", "90"},
	}
	lastStages = [][]string{
		{"aggregate", "count"}, {"aggregate", "--by", "status,path"}, {"aggregate", "--by", "user,agent", "count", "sum(bytes)"},
		{"aggregate", "--by", "method,proto,request,query,referer"}, {"aggregate", "--by", "course,a,b,word"},
		{"aggregate", "--by", "ip", "first(path)", "last(agent)"}, {"aggregate", "--window", "1m", "--by", "country", "distinct(path)"},
		{"aggregate", "--window", "1m", "--late", "file=late"}, {"aggregate", "--by", "browser,os,device,bot"},
		{"aggregate", "--by", "http.request.method,url.path"}, {"aggregate", "--by", "line,upper"}, {"aggregate", "--by", "time"},
		{"select", "path", "status", "big=bytes > 1000"}, {"top", "3", "--by", "bytes"}, {"head", "4"},
	}
)

// plainly is a stage that does not tell what it reads, so that the stages before
// it make all fields.
type plainly struct{ stream.Stage }

func (p plainly) Parallel(env *stream.Env) (stream.Operator, error) {
	return p.Stage.(stream.Parallel).Parallel(env)
}

type plainlySniffing struct {
	plainly
	stream.Sniffer
}

type plainlyFolding struct{ stream.Stage }

func (p plainlyFolding) Fold(env *stream.Env) (stream.Folder, error) {
	return p.Stage.(stream.Fold).Fold(env)
}

func hidden(s stream.Stage) stream.Stage {
	sniffer, sniffs := s.(stream.Sniffer)
	switch s.(type) {
	case stream.Parallel:
		if sniffs {
			return plainlySniffing{plainly{s}, sniffer}
		}
		return plainly{s}
	case stream.Fold:
		return plainlyFolding{s}
	}
	return s
}

// TestProjectionChangesNothing runs pipelines as they are, with stages that tell
// nothing, and a stage at a time.
func TestProjectionChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	input := strings.Join(damagedLines(r, 400), "\n") + "\n"
	for range 200 {
		words := [][]string{firstStages[r.IntN(len(firstStages))]}
		for range r.IntN(3) {
			words = append(words, middleStages[r.IntN(len(middleStages))])
		}
		words = append(words, lastStages[r.IntN(len(lastStages))])
		got := runStages(t, input, 2, 5000, stagesOf(t, words)...)
		stages := stagesOf(t, words)
		for i, s := range stages {
			stages[i] = hidden(s)
		}
		want := runStages(t, input, 2, 5000, stages...)
		// Where a head ends the run, how much has been read is left to chance.
		if headless := !strings.Contains(fmt.Sprint(words), "[head "); got.out != want.out || fmt.Sprint(got.files) != fmt.Sprint(want.files) ||
			headless && (fmt.Sprint(got.errs) != fmt.Sprint(want.errs) || got.ledger != want.ledger) {
			t.Fatalf("%q: %+v %.300v\n%s\nwithout projection %+v %.300v\n%s", words, got.ledger, got.errs, head20(got.out), want.ledger, want.errs, head20(want.out))
		}
		step := input
		for _, s := range stagesOf(t, words) {
			step = runStages(t, step, 1, 5000, s).out
		}
		if step != got.out {
			t.Fatalf("%q: %s, a stage at a time: %s", words, firstDifference(got.out, step), firstDifference(step, got.out))
		}
	}
}

func stagesOf(t *testing.T, words [][]string) (list []stream.Stage) {
	for _, w := range words {
		for _, d := range []Definition{Parse, Where, Enrich, Set, Drop, Rename, Each, Select, Head, Aggregate, Top} {
			if d.Name == w[0] {
				list = append(list, buildStage(t, d, w[1:]...))
			}
		}
	}
	return list
}

// damagedLines are lines of an access log, half of them with a byte or two that
// do not belong there.
func damagedLines(r *rand.Rand, n int) []string {
	damages := []string{`"`, `\`, "-", " ", "\xff", "é", "\x01", "?", "[", "] ", "00", `" "`, " - "}
	agents := []string{"curl/8.5.0", "-", "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "Mozilla/5.0 (compatible; GPTBot/1.0)"}
	paths := []string{"/course/7.html", "/course/8.html?a=b", "/video/67", "/video/x", "/", "*"}
	list := make([]string, n)
	for i := range list {
		line := fmt.Sprintf(`%d.29.71.%d - %s [01/Mar/2026:00:%02d:%02d +0000] "%s %s HTTP/1.1" %d %d "%s" "%s"`, 8+r.IntN(4), r.IntN(3), []string{"-", "ann"}[r.IntN(2)],
			(i/60+r.IntN(2))%60, r.IntN(60), []string{"GET", "POST"}[r.IntN(2)], paths[r.IntN(len(paths))], 200+r.IntN(3)*100, r.IntN(5000), []string{"-", "https://e.org/"}[r.IntN(2)], agents[r.IntN(len(agents))])
		if i > 10 && r.IntN(2) == 0 {
			at := r.IntN(len(line))
			line = line[:at] + damages[r.IntN(len(damages))] + line[at+r.IntN(2):]
		}
		list[i] = line
	}
	return list
}
