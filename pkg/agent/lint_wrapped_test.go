package agent

import (
	"strings"
	"testing"
)

// wrappedFile has the lines of a command in the middle of an agent's file.
func wrappedFile(lines string) string {
	return strings.Replace(plain, "a1.sources.r1.type = netcat\n", "a1.sources.r1.type = exec\na1.sources.r1.command = "+lines+"\n", 1)
}

// TestWrapped holds where the rest of a value on a line of its own is found.
func TestWrapped(t *testing.T) {
	const join, blanks = "; end line 5 with a backslash, or join the lines", "; leave out the blanks behind the backslash of line 5"
	tests := []struct{ lines, at, word, fix string }{
		{"tail -F x |\ngrep foo", "6:1", "grep", join},
		{"tail -F x | \t\ngrep a=b", "6:1", "grep", join},
		{"test -f x &&\ncat x", "6:1", "cat", join},
		{"test -f x ||\nLANG=C cat y", "6:1", "LANG", join},
		{"h1:9092,\nh2:9092", "6:1", "h2", join},
		{"tail -F x \\ \ngrep foo", "6:1", "grep", blanks},
		{"tail -F x \\\t \r\n  com.acme.Main arg", "6:3", "com.acme.Main", blanks},
		{"\\ \ntail x", "6:1", "tail", blanks},
		{"tail -F x\n   grep foo", "6:4", "grep", join},
		{"java\n com.acme.Main arg", "6:2", "com.acme.Main", join},
		{"h1:9092\n h2:9092", "6:2", "h2", join},
		{"tail x\n\tawk NR==1", "6:2", "awk", join},
		{"java -cp x\n com.sink.Main arg", "6:2", "com.sink.Main", join},
		{"java -cp x |\ncom.source.Main arg", "6:1", "com.source.Main", join},
		{"spark-submit --conf\n  spark.executor.memory=4g", "6:3", "spark.executor.memory", join},
	}
	for _, test := range tests {
		got := lint(t, wrappedFile(test.lines))
		want := "a.conf:" + test.at + ": error: " + test.word + " is no property: the value of line 5 seems to go on here (a1.sources.r1.command)" + test.fix + "\n"
		if !strings.Contains(got, want) || strings.Count(got, "seems to go on") != 1 || !strings.HasSuffix(got, "exit 2\n") {
			t.Errorf("%q: no %s in\n%s", test.lines, want, got)
		}
	}
	// Each line of three is told, with the property of the first.
	got := lint(t, wrappedFile("tail -F x |\ngrep foo |\nsort -u"))
	if !strings.Contains(got, "a.conf:6:1: error: grep is no property: the value of line 5 seems to go on here (a1.sources.r1.command); end line 5") ||
		!strings.Contains(got, "a.conf:7:1: error: sort is no property: the value of line 6 seems to go on here (a1.sources.r1.command); end line 6") {
		t.Errorf("three lines:\n%s", got)
	}
}

// TestNotWrapped holds what looks like it, and is a line of its own.
func TestNotWrapped(t *testing.T) {
	for _, lines := range []string{
		"tail x\n   a1.sources.r1.restart = true",
		"tail x |\n\ta1.sources.r1.restart=true",
		"tail x \\ \na1.sources.r1.restart = true",
		"tail x\n   # grep foo",
		"tail x |\n  ! grep foo",
		"tail x |\n\n  grep foo",
		"tail x\n   \n  grep foo",
		"tail x \\\n  | grep foo",
		"tail x &\ngrep foo",
		"tail x \\\\ \ngrep foo",
		"tail x\n  b2.sources.r1.type = seq",
		"tail x\n  log4j.rootLogger = INFO",
		"tail x,\nlog4j.rootLogger=INFO",
		"tail x\n  folder = /var/log",
		",\ngrep foo",
		"tail x\ngrep foo",
		"tail x\n  a1sources.r1.restart = true",
		"tail x\n  a2.sources.r1.restart=true",
		"tail x\n  a2.sink.k1.channel=c1",
		"tail ${log.dir}/x\n  log.dir=/x",
		"tail ${x:-${log.dir}}\n  log.dir=/x\n  x=y",
	} {
		if got := lint(t, wrappedFile(lines)); strings.Contains(got, "seems to go on") {
			t.Errorf("%q:\n%s", lines, got)
		}
	}
	// A file in which all lines are indented has other programs' lines too.
	indented := "  " + strings.ReplaceAll(strings.TrimSpace(plain), "\n", "\n  ") + "\n  log4j.rootLogger=INFO\n  home.dir /opt\n"
	if got := lint(t, indented); got != "starts\n" {
		t.Errorf("indented:\n%s", got)
	}
}
