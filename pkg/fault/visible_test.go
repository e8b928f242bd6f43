package fault

import "testing"

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"plain é 日本 👩‍🚀 ":       "plain é 日本 👩‍🚀 ",
		"a\x1b[31mb\x00\x7f":    `a\u001b[31mb\u0000\u007f`,
		"a\nb\tc\r":             `a\nb\tc\r`,
		"\u009b31m\u2028\u202e": `\u009b31m\u2028\u202e`,
		"\xff\xc3é\ufffd":       "\\xff\\xc3é\ufffd",
		`\u001b\n`:              `\u001b\n`,
	} {
		if got := Visible(text); got != want || Visible(got) != got {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := VisibleLines("a\tb\x1b\n\tc\r\n"); got != "a\tb\\u001b\n\tc\\r\n" {
		t.Errorf("lines: %q", got)
	}
}
