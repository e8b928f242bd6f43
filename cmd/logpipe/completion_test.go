package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestBashCompletion holds that completion works in a bash that has nothing but
// itself, with the words as bash cuts them: at = and : too.
func TestBashCompletion(t *testing.T) {
	for _, c := range []struct {
		words string // as bash cuts them, in quotes
		line  string
		want  string
	}{
		{`logpipe agg`, "logpipe agg", "aggregate"},
		{`logpipe gen ''`, "logpipe gen ", "access"},
		{`logpipe head --on-error ''`, "logpipe head --on-error ", "skip"},
		{`logpipe head --on-error s`, "logpipe head --on-error s", "skip"},
		{`logpipe head --on-error = st`, "logpipe head --on-error=st", "stop"},
		{`logpipe head --on-error =`, "logpipe head --on-error=", "skip"},
		{`logpipe consume -b host : 9092 --offset b`, "logpipe consume -b host:9092   --offset b", "beginning"},
	} {
		cut := strings.Count(c.words, " ")
		got := shell(t, "", fmt.Sprintf(`unset -f _init_completion _get_comp_words_by_ref
source <(logpipe completion bash) || exit
compopt() { :; } # it is for a completion that is going on
COMP_WORDS=(%s) COMP_CWORD=%d COMP_LINE=%q COMP_POINT=%d COMP_TYPE=9
__start_logpipe
echo "${COMPREPLY[0]%%%% *}"`, c.words, cut, c.line, len(c.line)))
		if got.code != 0 || got.err != "" || strings.TrimSpace(got.out) != c.want {
			t.Errorf("%s: %q, exit code %d, %s", c.line, got.out, got.code, got.err)
		}
	}
}
