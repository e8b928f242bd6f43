package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSubstitute(t *testing.T) {
	t.Setenv("NC_PORT", "4444")
	t.Setenv("WHICH", "PORT")
	tests := []struct{ value, want, unresolved string }{
		{"plain $5 $ {x}", "plain $5 $ {x}", ""},
		{"${env:NC_PORT}", "4444", ""},
		{"a${env:NC_PORT}b${env:NC_PORT}", "a4444b4444", ""},
		{"${env:NC_${env:WHICH}}", "4444", ""},
		{"${sys:my.dir}/x", "/data/x", ""},
		{"${other.key}", "deep 4444", ""},
		{"${env:NOPE:-7}", "7", ""},
		{"${env:NOPE}", "${env:NOPE}", "env:NOPE"},
		{"${NC_PORT}", "${NC_PORT}", "NC_PORT"},
		{"$${env:NC_PORT}", "${env:NC_PORT}", ""},
		{"${loop}", "${loop}", "loop"},
		{"${java:version}", "${java:version}", "java:version"},
		{"${date:yyyy}", time.Now().Format("2006"), ""},
		{"größe ${open", "größe ${open", ""},
		{`${f1['k']}`, `${f1['k']}`, `f1['k']`},
	}
	for _, test := range tests {
		entries, _ := parseProperties("f", []byte("other.key = deep ${env:NC_PORT}\nloop = ${loop}\n"))
		e := &entry{key: "k", value: test.value, text: test.value}
		substitute(append(entries, e), map[string]string{"my.dir": "/data"})
		var names []string
		for _, r := range e.unresolved {
			names = append(names, r.name)
		}
		if got := strings.Join(names, " "); e.value != test.want || got != test.unresolved {
			t.Errorf("%s: %q, unresolved %q", test.value, e.value, got)
		}
	}
	e := &entry{key: "k", value: "${NC_PORT}", text: "${NC_PORT}"}
	substitute([]*entry{e}, map[string]string{"propertiesImplementation": envResolver})
	if e.value != "4444" {
		t.Errorf("by %s: %q", envResolver, e.value)
	}
}

// References that never end, or that make more than a machine holds, are told
// with the keys or the size.
func TestSubstituteBounds(t *testing.T) {
	chain := "k0 = end\n"
	for i := range 1500 {
		chain += fmt.Sprintf("k%d = ${k%d}\n", i+1, i)
	}
	double := "d0 = 0123456789\n"
	empty := "e0 =\n"
	for i := range 40 {
		double += fmt.Sprintf("d%d = ${d%d}${d%[2]d}\n", i+1, i)
		empty += fmt.Sprintf("e%d = ${e%d}${e%[2]d}\n", i+1, i)
	}
	for text, want := range map[string]string{
		"x = ${y}\ny = a ${z}\nz = ${y}":  "the keys refer to each other without end: y -> z -> y",
		"x = ${x}":                        "the keys refer to each other without end: x -> x",
		"x = ${k900}\n" + chain:           "",
		"x = ${k1500}\n" + chain:          "more than 1000 keys refer each to the next: x -> k1500 -> … -> k",
		"x = ${d10}\n" + double:           "",
		"x = a${d40}b${d40}\n" + double:   "what x refers to has more than 1024 KiB",
		"x = ${e40}\n" + empty:            "",
		"x = ${e5} ${e6} ${e7}\n" + empty: "",
	} {
		entries, _ := parseProperties("f", []byte(text))
		substitute(entries, nil)
		x := entries[0]
		got := ""
		for _, r := range x.unresolved {
			got += r.why
		}
		if got != want && (!strings.HasSuffix(want, "-> k") || !strings.HasPrefix(got, want)) || len(x.unresolved) > 1 {
			t.Errorf("%.40q: %q of %d, want %q", text, got, len(x.unresolved), want)
		}
		if want == "" && strings.Contains(x.value, "$") {
			t.Errorf("%.40q: %.40q", text, x.value)
		}
	}
	got := lint(t, "a1.sources = r1\na1.channels = c1\na1.sources.r1.type = ${kind}\nkind = ${more}\nmore = ${kind}\na1.sources.r1.channels = c1\na1.channels.c1.type = memory\n")
	if want := "type of source r1: nothing replaces ${kind}: the keys refer to each other without end: kind -> more -> kind"; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// FuzzSubstitute holds that no text makes it fail or grow without end.
func FuzzSubstitute(f *testing.F) {
	f.Add("${env:A}${k}", "${${j}}")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 200 {
			return
		}
		entries := []*entry{{key: "j", value: a, text: a}, {key: "k", value: b, text: b}}
		substitute(entries, nil)
	})
}

const filtered = `a1.configfilters = f1 f2
a1.configfilters.f1.type = ENV
a1.configfilters.f2.type = org.apache.flume.configfilter.ExternalProcessConfigFilter
a1.configfilters.f2.command = sh ask.sh
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.channels.c1.type = memory
a1.channels.c1.capacity = ${f1['SLOTS']}
a1.sources.r1.type = seq
a1.sources.r1.channels = c1
a1.sources.r1.totalEvents = ${f2["events"]}
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = static
a1.sources.r1.interceptors.i1.value = ${f1[NAME]}
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
`

func TestConfigFilters(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs a Unix shell")
	}
	t.Chdir(t.TempDir())
	t.Setenv("SLOTS", "500")
	t.Setenv("NAME", "größe")
	os.WriteFile("a.conf", []byte(filtered), 0o644)
	os.WriteFile("ask.sh", []byte("echo asked >>log; [ $1 = events ] && echo 3 && echo more\n"), 0o644)
	report, err := Check(Options{Name: "a1", Files: []string{"a.conf"}})
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("%v %v", err, report.Findings)
	}
	if _, err := os.Stat("log"); err == nil {
		t.Fatal("a check ran a program")
	}
	path, _ := filepath.Abs("a.conf")
	a := startAgent(t, "", func(o *Options) { o.Files = []string{path} })
	a.stderr.await(t, "counted to 3")
	a.end(t)
	if n := strings.Count(a.stdout.String(), "{key=größe}"); n != 3 {
		t.Fatalf("%d events:\n%s", n, a.stdout)
	}
	os.WriteFile("ask.sh", []byte("echo no such secret >&2; exit 3\n"), 0o644)
	a = startAgent(t, "", func(o *Options) { o.Files = []string{path} })
	if err := <-a.ended; err == nil || !strings.Contains(a.stderr.String(),
		"a.conf:12:29: error: config filter f2 has no value for events: sh ask.sh events: exit status 3: no such secret") {
		t.Fatalf("%v\n%s", err, a.stderr)
	}
	a.ended <- nil
	os.WriteFile("ask.sh", nil, 0o644)
	a = startAgent(t, "", func(o *Options) { o.Files = []string{path} })
	if err := <-a.ended; err == nil || !strings.Contains(a.stderr.String(), "a.conf:12:29: error: totalEvents of source r1 (seq): "+
		"config filter f2 has no value for events: sh ask.sh events printed nothing; run that command by hand: ") {
		t.Fatalf("%v\n%s", err, a.stderr)
	}
	a.ended <- nil
}

// A value of a config filter may be a secret: it is not printed.
func TestFilterValuesAreNotPrinted(t *testing.T) {
	t.Setenv("SLOTS", "s3cret")
	t.Setenv("NAME", "x")
	got := lint(t, strings.ReplaceAll(filtered, "f2.type = org.apache.flume.configfilter.ExternalProcessConfigFilter", "f2.type = hadoop"))
	if strings.Contains(got, "s3cret") || !strings.Contains(got, "a.conf:9:27: error: capacity of channel c1 (memory): the value of config filter f1 cannot be read") ||
		!strings.Contains(got, "a.conf:3:28: error: config filter type hadoop is not supported; instead: type external") ||
		!strings.Contains(got, `a.conf:12:29: error: totalEvents of source r1: nothing replaces ${f2["events"]}: config filter f2 does not work; mend the filter`) {
		t.Error(got)
	}
}

// What a program tells is not known to a check: types and channels among it.
func TestTypesOfConfigFilters(t *testing.T) {
	conf := strings.NewReplacer("type = seq", "type = ${f2['type']}", "channel = c1", "channel = ${f2['channel']}").Replace(filtered)
	t.Setenv("SLOTS", "100")
	t.Setenv("NAME", "x")
	if got := lint(t, conf); got != "starts\n" {
		t.Error(got)
	}
	report, err := Check(Options{Name: "a1", Files: []string{"a.conf"}})
	var b strings.Builder
	report.Explain(&b)
	report.Mermaid(&b)
	if err != nil || !strings.Contains(b.String(), "source r1 (type from a config filter) -> c1\n  unknown: a config filter tells its type\n") {
		t.Errorf("%v %s", err, b.String())
	}
}

// Values that double with each key, references that stand in each other and keys
// of any length are answered at once.
func TestSubstitutionIsBounded(t *testing.T) {
	doubled := strings.Builder{}
	doubled.WriteString("v0 = x\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&doubled, "v%d = ${v%d}${v%d}\n", i, i-1, i-1)
	}
	begun := time.Now()
	got := lint(t, strings.Replace(plain, "= localhost", "= ${v59}", 1)+doubled.String())
	if !strings.Contains(got, "a.conf:5:22: error: bind of source r1: nothing replaces ${v") || !strings.Contains(got, "what a1.sources.r1.bind refers to has more than 1024 KiB") {
		t.Errorf("doubled: %.500s", got)
	}
	nested := strings.Repeat("${", 1<<16) + strings.Repeat("}", 1<<16)
	if got := lint(t, plain+"a1.sinks.k1."+strings.Repeat("y", 1<<17)+" = "+nested+"\n"); !strings.HasSuffix(got, "starts\n") || len(got) > 3000 {
		t.Errorf("nested: %.500s", got)
	}
	if took := time.Since(begun); took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
}
