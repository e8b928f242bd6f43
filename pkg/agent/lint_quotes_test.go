package agent

import (
	"os"
	"path/filepath"
	"testing"
)

// Quotes around a whole pattern are a part of it. They may be meant, unless the
// pattern fits nothing with them; quotes inside are no mistake.
func TestQuotedPattern(t *testing.T) {
	const drops = ": it fits nothing, and all events are dropped; leave out the quotes\nexit 2\n"
	const note = "a.conf:13:39: note: the quotes are part of regex of interceptor i1 (regex_filter): it fits nothing but text in quotes; leave out the quotes, if they are not meant\nstarts\n"
	filter := "a1.sources.r1.interceptors.i1.type = regex_filter\na1.sources.r1.interceptors.i1.regex = "
	for properties, want := range map[string]string{
		filter + `"(\\d+)"`:        note,
		filter + `'ERROR.*'`:       note,
		filter + `"\\$"`:           note,
		filter + `"^ERROR"`:        "a.conf:13:39: error: the quotes are part of regex of interceptor i1 (regex_filter)" + drops,
		filter + `"ERROR$"`:        "a.conf:13:39: error: the quotes are part of regex of interceptor i1 (regex_filter)" + drops,
		filter + `"^ERROR|WARN"`:   note,
		filter + `"^?ERROR"`:       note,
		filter + `"GET [^"]* 1.1"`: "starts\n",
		filter + `^"[^"]*"$`:       "starts\n",
		filter + `"`:               "starts\n",
		filter + `"" (\\d+)`:       "starts\n",
		filter + `"^ERROR"` + "\na1.sources.r1.interceptors.i1.excludeEvents = true":                                                                                      "a.conf:13:39: warning: the quotes are part of regex of interceptor i1 (regex_filter): it fits nothing; leave out the quotes\nstarts\n",
		"a1.sources.r1.interceptors.i1.type = search_replace\na1.sources.r1.interceptors.i1.searchPattern = \"a b\"\na1.sources.r1.interceptors.i1.replaceString = \"c\"": "a.conf:13:47: note: the quotes are part of searchPattern of interceptor i1 (search_replace): it fits nothing but text in quotes; leave out the quotes, if they are not meant\nstarts\n",
	} {
		if got := lint(t, plain+"a1.sources.r1.interceptors = i1\n"+properties+"\n"); got != want {
			t.Errorf("%s:\n got %swant %s", properties, got, want)
		}
	}
}

// A filter that has lost the backslashes of its pattern stops nothing of Flume:
// --lenient starts it.
func TestLenientFilter(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "a.conf")
	text := plain + "a1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_filter\na1.sources.r1.interceptors.i1.regex = ^\\d+$\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, lenient := range []bool{false, true} {
		report, err := Check(Options{Name: "a1", Files: []string{conf}, Lenient: lenient})
		if report.Count(Error) != 1 || (err == nil) != lenient {
			t.Fatalf("lenient %v: %v, %v", lenient, err, report.Findings)
		}
		if lenient && (len(report.plan.sources) != 1 || len(report.plan.sources[0].interceptors) != 1) {
			t.Errorf("it is left out: %+v", report.plan)
		}
	}
}
