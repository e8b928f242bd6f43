package agent

import (
	"strings"
	"testing"
)

// TestRoutesMisspelt holds that what loses or diverts events for a slip in a
// selector is an error, told once, and what does not is none.
func TestRoutesMisspelt(t *testing.T) {
	two := strings.NewReplacer("channels = c1\n", "channels = c1 c2\n", "sinks = k1\n", "sinks = k1 k2\n").Replace(plain) +
		"a1.channels.c2.type = memory\na1.sinks.k2.type = null\na1.sinks.k2.channel = c2\n"
	const diverts = ": events go to other channels than it says, or are dropped; did you mean "
	tests := []struct{ lines, want string }{
		{"type = multiplexing|header = h|mapping.A = c1|defualt = c2", `:17:24: error: selector of source r1 (multiplexing) has no property "defualt"` + diverts + `"default"?`},
		{"type = multiplexing|header = h|mappings.a-long-name-of-a-value = c1", `:16:24: error: selector of source r1 (multiplexing) has no property "mappings.a-long-name-of-a-value"` +
			diverts + `"mapping.a-long-name-of-a-value"?`},
		{"type = multiplexing|headr = h|mapping.A = c1|default = c2", `:15:24: error: selector of source r1 (multiplexing) has no property "headr"` + diverts + `"header"?`},
		{"type = multiplexing|optinal.A = c1|default = c2", `:15:24: error: selector of source r1 (multiplexing) has no property "optinal.A"` + diverts + `"optional.A"?`},
		{"type = multiplexing|mappingA = c1|default = c2", `:15:24: error: selector of source r1 (multiplexing) has no property "mappingA"` + diverts + `"mapping.A"?`},
		{"type = multiplexing|map.A = c1|default = c2", `:15:24: error: selector of source r1 (multiplexing) has no property "map.A"` + diverts + `"mapping.A"?`},
		{"type = multiplexing|mapping.A = c1|others = c2", `:16:24: error: selector of source r1 (multiplexing) has no property "others"` + diverts + `"default"?`},
		{"header = h|mapping.A = c1|default = c2", ":14:1: error: selector of source r1 has no type: every event goes to every channel; add a1.sources.r1.selector.type = multiplexing"},
		{"typ = multiplexing|mapping.A = c1|default = c2", `:14:24: error: selector of source r1 has no property "typ" and no type: every event goes to every channel; did you mean "type"?`},
		{"type = replicating|mapping.A = c1|default = c2",
			":14:31: error: selector of source r1 is replicating: its mapping.A has no effect, every event goes to every channel; write a1.sources.r1.selector.type = multiplexing"},
		{"optinal = c2", `:14:24: error: selector of source r1 (replicating) has no property "optinal": its channels have to take every event; did you mean "optional"?`},
		{"type = multiplexing|mapping.A = c1|default = c2|colour = blue", `:17:24: warning: selector of source r1 (multiplexing) has no property "colour"; it has no effect; leave the line out`},
		{"type = load_balancing|polcy = random", `:15:24: warning: selector of source r1 (load_balancing) has no property "polcy"; it has no effect; did you mean "policy"?`},
		{"optional = c2", ""},
	}
	for _, test := range tests {
		conf := two
		for line := range strings.SplitSeq(test.lines, "|") {
			conf += "a1.sources.r1.selector." + line + "\n"
		}
		want := "starts\n"
		if test.want != "" {
			want = "a.conf" + test.want + "\n" + want
		}
		if strings.Contains(want, ": error:") {
			want = strings.TrimSuffix(want, "starts\n") + "exit 2\n"
		}
		if got := lint(t, conf); got != want {
			t.Errorf("%s:\n%swant\n%s", test.lines, got, want)
		}
	}
}

// A channel that nothing empties stops its sources only where an event has to go
// there.
func TestChannelsWithoutSinks(t *testing.T) {
	two := strings.NewReplacer("channels = c1\n", "channels = c1 c2\n").Replace(plain) + "a1.channels.c2.type = memory\n"
	const (
		stops    = "a.conf:11:1: error: no sink takes events out of channel c2: it fills up and stops its sources; add a sink with channel = c2\nexit 2\n"
		leaves   = "a.conf:11:1: warning: no sink takes events out of channel c2, which is optional: once it is full, its sources wait keep-alive for each batch, and leave it out; add a sink with channel = c2\nstarts\n"
		nowhere  = "a.conf:11:1: warning: channel c2 is not used: no route of a selector leads there, and no sink takes events out; add a mapping to it and a sink, or take it out of the lists\nstarts\n"
		multi    = "type = multiplexing|header = h|default = c1"
		filter   = "a1.configfilters = f\na1.configfilters.f.type = external\na1.configfilters.f.command = x\n"
		deferred = "${f['x']}"
	)
	for selector, want := range map[string]string{
		"":                        stops,
		"type = load_balancing":   stops,
		multi + "|mapping.a = c2": stops,
		multi + "|mapping.a = c1 c2|optional.b = c2":                 stops,
		"type = multiplexing|header = h|mapping.a = c1|default = c2": stops,
		multi + "|optional.b = c2":                                   leaves,
		"optional = c2":                                              leaves,
		multi + "|mapping.a = c1":                                    nowhere,
		multi + "|mapping.a = " + deferred:                           stops,
	} {
		conf := two
		if strings.Contains(selector, deferred) {
			conf += filter
		}
		for line := range strings.SplitSeq(selector, "|") {
			if line != "" {
				conf += "a1.sources.r1.selector." + line + "\n"
			}
		}
		if got := lint(t, conf); got != want {
			t.Errorf("%s:\n%swant\n%s", selector, got, want)
		}
	}
	// A sink at a channel to which no route leads waits for one: no mistake.
	conf := strings.Replace(two, "sinks = k1\n", "sinks = k1 k2\n", 1) + "a1.sinks.k2.type = null\na1.sinks.k2.channel = c2\n" +
		"a1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.default = c1\n"
	if got := lint(t, conf); got != "starts\n" {
		t.Errorf("a sink and no route:\n%s", got)
	}
}
