package catalog

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

func lexed(stages [][]word) [][]string {
	var list [][]string
	for _, s := range stages {
		var words []string
		for _, w := range s {
			words = append(words, w.text)
		}
		list = append(list, words)
	}
	return list
}

var lexCases = []struct {
	name, src string
	want      [][]string
}{
	{"words", "parse access", [][]string{{"parse", "access"}}},
	{"stages", "parse access|head 3 | top", [][]string{{"parse", "access"}, {"head", "3"}, {"top"}}},
	{"single quotes", `where 'status >= 400 | $x'`, [][]string{{"where", "status >= 400 | $x"}}},
	{"double quotes", `where "page == 'a\"b' \\ \x"`, [][]string{{"where", `page == 'a"b' \ \x`}}},
	{"escaped dollar", `where "\$x \` + "`" + `"`, [][]string{{"where", "$x `"}}},
	{"joined quotes", `where a'b c'"d e"f`, [][]string{{"where", "ab cd ef"}}},
	{"empty word", `where '' ""`, [][]string{{"where", "", ""}}},
	{"backslash", `where a\ b \| \$ \\`, [][]string{{"where", "a b", "|", "$", `\`}}},
	{"quote in single quotes", `where 'it'\''s'`, [][]string{{"where", "it's"}}},
	{"newline behind a bar", "parse access |\n  head", [][]string{{"parse", "access"}, {"head"}}},
	{"newlines around", "\n\nhead\n\n", [][]string{{"head"}}},
	{"line continued", "parse \\\n access", [][]string{{"parse", "access"}}},
	{"word continued", "par\\\nse", [][]string{{"parse"}}},
	{"newline in quotes", "where 'a\nb'", [][]string{{"where", "a\nb"}}},
	{"carriage returns", "parse access |\r\nhead\r\n", [][]string{{"parse", "access"}, {"head"}}},
	{"comments", "# first\nparse access | # then\n# more\nhead # last", [][]string{{"parse", "access"}, {"head"}}},
	{"hash within a word", "where a#b", [][]string{{"where", "a#b"}}},
	{"tilde within a word", "where a~b", [][]string{{"where", "a~b"}}},
	{"braces without expansion", "parse --extract path=/course/{course:int}.html", [][]string{{"parse", "--extract", "path=/course/{course:int}.html"}}},
	{"other characters", "where a=-1.5e3,b @x %y ^z !q", [][]string{{"where", "a=-1.5e3,b", "@x", "%y", "^z", "!q"}}},
	{"letters of all scripts", "where 'größe' 名前", [][]string{{"where", "größe", "名前"}}},
}

func TestLex(t *testing.T) {
	for _, c := range lexCases {
		t.Run(c.name, func(t *testing.T) {
			stages, err := lex("", c.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := lexed(stages); !reflect.DeepEqual(got, c.want) {
				t.Errorf("lex(%q) = %q, want %q", c.src, got, c.want)
			}
		})
	}
}

// TestLexAsShell holds that a shell reads the same words.
func TestLexAsShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for _, c := range lexCases {
		if strings.Contains(c.src, "\r") {
			continue // a shell takes a carriage return as a letter
		}
		t.Run(c.name, func(t *testing.T) {
			// Each stage becomes a function that prints its words and passes on
			// what the stage before it printed.
			script := "p() { cat; printf '%s\\0' \"$#\" \"$@\"; }\n"
			src := c.src
			for _, s := range c.want {
				script += s[0] + "() { p " + s[0] + " \"$@\"; }\n"
			}
			cmd := exec.Command(sh, "-c", script+": | "+strings.TrimLeft(src, "\n"))
			if strings.HasPrefix(src, "#") {
				cmd = exec.Command(sh, "-c", script+src)
			}
			cmd.Stdin = strings.NewReader("")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var want strings.Builder
			for _, s := range c.want {
				want.WriteString(itoa(len(s)) + "\x00" + strings.Join(s, "\x00") + "\x00")
			}
			if string(out) != want.String() {
				t.Errorf("the shell reads %q as %q, lex as %q", c.src, out, want.String())
			}
		})
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

func TestLexRefuses(t *testing.T) {
	for _, c := range []struct{ src, text, hint string }{
		{"", "the pipeline is empty", "logpipe run"},
		{" \n# only a comment", "the pipeline is empty", "logpipe run"},
		{"where 'a", "column 7: the quote ' is not closed", ""},
		{`where "a`, `column 7: the quote " is not closed`, ""},
		{"head |", "column 6: nothing behind the last |", "without it"},
		{"| head", "column 1: nothing before |", ""},
		{"head || top", "column 6: || is not a pipe", ""},
		{"head |& top", "column 6: |& is not a pipe", ""},
		{"head | | top", "column 8: nothing before |", ""},
		{"where a>3", "column 8: > is not quoted", "shell's own pipe"},
		{"where a<3", "column 8: < is not quoted", "shell's own pipe"},
		{"head; top", "column 5: ; is not quoted", ""},
		{"head &", "column 6: & is not quoted", ""},
		{"aggregate heat=sum(0.8 * clicks)", "column 19: ( is not quoted", "'heat=sum(0.8 * clicks)'"},
		{"where a*2", "column 8: * is not quoted", "'a*2'"},
		{"where a?b", "column 8: ? is not quoted", "'a?b'"},
		{"where ['Task Info']", "column 7: [ is not quoted", ""},
		{"where $HOME", "column 7: $ is not quoted", "'$HOME'"},
		{"where `date`", "column 7: ` is not quoted", "'`date`'"},
		{`where "$x"`, "column 8: a shell would act upon $", "single quotes"},
		{"parse csv ~/x", "column 11: ~ is not quoted", ""},
		{"where {a,b}", "column 7: { is not quoted", ""},
		{"where {1..3}", "column 7: { is not quoted", ""},
		{"head\r3", "column 5: a carriage return within a line", "take it out"},
		{"head \r 3\r\n", "column 6: a carriage return within a line", ""},
		{"where a\\", `column 8: nothing behind \`, ""},
		{"parse access\nhead", "column 13: the line ends within the pipeline", "end the line with |"},
		{"parse access |\nwhere (a)", "line 2, column 7: ( is not quoted", ""},
		{"where 'ü' (a)", "column 11: ( is not quoted", ""},
	} {
		_, err := lex("", c.src)
		if err == nil {
			t.Errorf("lex(%q) is accepted", c.src)
			continue
		}
		if !strings.Contains(err.Error(), c.text) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("lex(%q): %v (hint: %s), want %q (%q)", c.src, err, fault.HintOf(err), c.text, c.hint)
		}
		if fault.CodeOf(err) != fault.Usage {
			t.Errorf("lex(%q): exit code %d", c.src, fault.CodeOf(err))
		}
	}
	if _, err := lex("top.lp", "head |\n top >x"); err == nil || !strings.HasPrefix(err.Error(), "top.lp:2:6: >") {
		t.Errorf("in a file: %v", err)
	}
}

// FuzzLex holds that words that are quoted read back, and that nothing panics.
func FuzzLex(f *testing.F) {
	for _, c := range lexCases {
		f.Add(c.src)
	}
	f.Add("a 'b\\\n\"$`")
	f.Fuzz(func(t *testing.T, src string) {
		stages, err := lex("", src)
		if err != nil {
			return
		}
		want := lexed(stages)
		var texts []string
		for _, s := range want {
			texts = append(texts, quoteAll(s))
		}
		again, err := lex("", strings.Join(texts, " | "))
		if err != nil {
			t.Fatalf("%q quoted as %q: %v", src, texts, err)
		}
		if got := lexed(again); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q quoted as %q reads as %q, want %q", src, texts, got, want)
		}
	})
}
