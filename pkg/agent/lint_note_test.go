package agent

import "testing"

// What Flume runs with, and what is no mistake but worth a word.
func TestNotes(t *testing.T) {
	const file = `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = f1
a1.sources.r1.filegroups.f1 = ./.*
a1.sources.r1.channels = c1
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
a1.channels.c1.type = memory
`
	for more, want := range map[string]string{
		"":                                    "",
		"a1.sources.r1.filegroups.f2 = /y/.*": "a.conf:11:31: warning: source r1: group f2 is not in filegroups: its files are not followed; add it to filegroups, or leave the line out",
		"a1.sources.r1.headers.f3.k = v":      "a.conf:11:30: warning: source r1: there is no group f3: the header is set nowhere; name a group of filegroups, or leave the line out",
		"a1.channels.c1.capacity = 1000000":   "a.conf:11:27: note: channel c1: it holds up to 1000000 events of any size; without byteCapacity, which Flume sets to 80 % of Java's heap, nothing bounds their bytes; set byteCapacity to the memory that bodies may take",
		"a1.sources.r1.headers.f1.h = a\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.header = h\na1.sources.r1.selector.mapping.a = c1": "",
		"a1.channels.c1.capacity = 999999":                                            "",
		"a1.channels.c1.capacity = 1000000\na1.channels.c1.byteCapacity = 8000000000": "",
	} {
		if want != "" {
			want += "\n"
		}
		if got := lint(t, file+more+"\n"); got != want+"starts\n" {
			t.Errorf("%s:\n got %s\nwant %s", more, got, want)
		}
	}
}
