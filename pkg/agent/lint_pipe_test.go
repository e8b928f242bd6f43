package agent

import (
	"strings"
	"testing"
)

// A stage that holds events behind a channel that loses none is told with its
// place in the command; behind a channel in memory a kill loses them anyway.
func TestHeldEvents(t *testing.T) {
	const (
		file = `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.channels = c1
a1.sinks.k1.type = pipe
a1.sinks.k1.channel = c1
`
		fix   = "; to lose none, let a Kafka sink bring the events into a topic, and run `logpipe consume TOPIC -g GROUP --marks | … | logpipe produce OUT --tx ID` with these stages\n"
		alone = "; to lose none, let this sink alone, in no group, take from a channel of type file\n"
	)
	tests := []struct{ channel, command, want string }{
		{"file", `parse access | aggregate --window 1m --by path count | produce out`, ""},
		{"file", "aggregate --by n --window=1m count | top 3", ""},
		{"jdbc", `parse access | aggregate --window 1m --by path count | produce out`,
			"a.conf:8:38: warning: sink k1: aggregate holds the open windows in memory: a kill -9 loses those events, which channel c1 (jdbc) does not have any more" + alone},
		{"file\na1.sinks = k1 k2\na1.sinks.k2.type = null\na1.sinks.k2.channel = c1", "aggregate --window 1m count",
			"a.conf:8:23: warning: sink k1: aggregate holds the open windows in memory: a kill -9 loses those events, which channel c1 (file) does not have any more" + alone +
				"a.conf:10:1: warning: a1.sinks was set in line 3 already; this value counts; leave one of them out\n"},
		{"jdbc", "where 'n > 1' | \\\n  aggregate --by n count | sort n",
			"a.conf:9:3: warning: sink k1: aggregate holds all that came since the agent began in memory: a kill -9 loses those events, which channel c1 (jdbc) does not have any more" + fix +
				"a.conf:9:28: warning: sink k1: sort holds all that came since the agent began in memory: a kill -9 loses those events, which channel c1 (jdbc) does not have any more" + fix},
		{"jdbc", "aggregate --by n --window=1m count | top 3",
			"a.conf:8:23: warning: sink k1: aggregate holds the open windows in memory: a kill -9 loses those events, which channel c1 (jdbc) does not have any more" + alone +
				"a.conf:8:60: warning: sink k1: top holds the open windows in memory: a kill -9 loses those events, which channel c1 (jdbc) does not have any more" + alone},
		{"file", "aggregate --window 1m --time now count",
			"a.conf:8:23: warning: sink k1: aggregate holds the open windows in memory: a kill -9 loses those events, which channel c1 (file) does not have any more" + fix},
		{"file", "parse access | table --csv path status", ""},
		{"file", "parse access | table --csv", "a.conf:8:38: warning: sink k1: table holds all that came since the agent began in memory: a kill -9 loses those events, which channel c1 (file) does not have any more" + fix},
		{"file", "parse access | where 'status > 400' | produce out", ""},
		{"memory", "parse access | aggregate --window 1m --by path count", ""},
		{"SPILLABLEMEMORY", "sort n", ""},
	}
	for _, test := range tests {
		conf := file + "a1.sinks.k1.command = " + test.command + "\na1.channels.c1.type = " + test.channel + "\n"
		if got := lint(t, conf); strings.TrimSuffix(got, "starts\n") != test.want {
			t.Errorf("%s behind %s:\n got %swant %s", test.command, test.channel, got, test.want)
		}
	}
}
