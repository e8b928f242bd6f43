package javaregex

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// facts reads what Java finds.
func facts(t testing.TB) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "javaregex", "java17.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "//") {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	return rows
}

// plainText takes the escapes out of a text of the table.
func plainText(s string) string {
	var units []uint16
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			r := []rune(s[i:])[0]
			units = utf16.AppendRune(units, r)
			i += len(string(r)) - 1
			continue
		case s[i+1] == 'u':
			n, _ := strconv.ParseUint(s[i+2:i+6], 16, 16)
			units = append(units, uint16(n))
			i += 4
		default:
			units = append(units, map[byte]uint16{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\'}[s[i+1]])
		}
		i++
	}
	return string(utf16.Decode(units))
}

func text(all [][]int) string {
	if len(all) == 0 {
		return "none"
	}
	var matches []string
	for _, m := range all {
		var groups []string
		for i := 0; i < len(m); i += 2 {
			if m[i] < 0 {
				groups = append(groups, "-")
			} else {
				groups = append(groups, fmt.Sprintf("%d:%d", m[i], m[i+1]))
			}
		}
		matches = append(matches, strings.Join(groups, ","))
	}
	return strings.Join(matches, " ")
}

// TestFacts compares with what Java 17 finds, also where only the engine that
// goes back is asked.
func TestFacts(t *testing.T) {
	for _, row := range facts(t) {
		re, err := Compile(row[0])
		if refused := len(row) > 1 && row[1] == "!"; refused != (err != nil) {
			t.Errorf("%s: %v, but Java refuses it: %t", row[0], err, refused)
		}
		if err != nil {
			continue
		}
		back := *re
		back.needs.backtrack = true
		for _, column := range row[1:] {
			in, want, _ := strings.Cut(column, " => ")
			for _, engine := range []*Regexp{re, &back} {
				b := []byte(plainText(in))
				all, err := engine.FindAllSubmatchIndex(b)
				if got := text(all); err != nil || got != want {
					t.Errorf("%s in %s: %s, %v; Java finds %s (asked Go's: %t)", row[0], in, got, err, want, engine.isPlain(b))
				}
				found, err := engine.Match(b)
				if err != nil || found != (want != "none") {
					t.Errorf("%s in %s: %t, %v", row[0], in, found, err)
				}
				first, err := engine.FindSubmatchIndex(b)
				if err != nil || found && !slices.Equal(first, all[0]) || !found && first != nil {
					t.Errorf("%s in %s: first %v, %v", row[0], in, first, err)
				}
			}
		}
	}
}

func TestWhole(t *testing.T) {
	for pattern, texts := range map[string]map[string]bool{
		`a|ab`:             {"a": true, "ab": true, "abc": false, "xa": false},
		`.*\.log`:          {"x.log": true, "x.log\n": false, "x.log.1": false},
		`(?!\.).*`:         {"x": true, ".x": false},
		`(?m)^a$`:          {"a": true, "a\n": false},
		`(?x) a # comment`: {"a": true, "b": false},
	} {
		re, err := CompileWhole(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for s, want := range texts {
			if got, err := re.MatchString(s); err != nil || got != want {
				t.Errorf("%s in %q: %t, %v", pattern, s, got, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	re, err := Compile(`(a)(?<name>b)`)
	if err != nil || re.NumSubexp() != 2 || re.SubexpIndex("name") != 2 || re.SubexpIndex("none") != -1 || re.String() != `(a)(?<name>b)` {
		t.Error(re, err)
	}
}

// Bytes that are no UTF-8 are single characters, and do not move what is found.
func TestInvalid(t *testing.T) {
	for _, pattern := range []string{`b(.)c`, `(?<=b)(.)c`} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		m, err := re.FindSubmatchIndex([]byte("\xff\xe4b\xfecä"))
		if err != nil || len(m) != 4 || m[2] != 3 || m[3] != 4 {
			t.Errorf("%s: %v, %v", pattern, m, err)
		}
	}
}

// A pattern that never ends in Java is given up.
func TestTimeout(t *testing.T) {
	re, err := Compile(`^(a+)+(?=b)`)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err = re.Match([]byte(strings.Repeat("a", 60)))
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || !strings.Contains(err.Error(), "given up after 1s") || time.Since(begin) > 20*MatchTimeout {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	plain, err := Compile(`^(a+)+$`)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := plain.Match([]byte(strings.Repeat("a", 10_000) + "b")); found || err != nil {
		t.Error(found, err)
	}
}

// FuzzEngines holds that both engines find the same wherever Go's is asked.
func FuzzEngines(f *testing.F) {
	for _, row := range facts(f) {
		for _, column := range row[1:] {
			in, _, _ := strings.Cut(column, " => ")
			if in != "!" {
				f.Add(row[0], plainText(in))
			}
		}
	}
	f.Fuzz(func(t *testing.T, pattern, in string) {
		if len(pattern) > 60 || len(in) > 60 || strings.Count(pattern, "{") > 2 {
			return
		}
		re, err := Compile(pattern)
		if err != nil {
			return
		}
		back := *re
		back.needs.backtrack = true
		if _, err := re.back(); err != nil {
			t.Fatalf("only one engine takes it: %v", err)
		}
		if !re.isPlain([]byte(in)) || emptyLoops(pattern) {
			back.FindSubmatchIndex([]byte(in))
			return
		}
		want, err := re.FindSubmatchIndex([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.FindSubmatchIndex([]byte(in))
		if err == nil && (got == nil) != (want == nil) || got != nil && want != nil && !slices.Equal(got[:2], want[:2]) {
			t.Fatalf("%q in %q: %v and %v", pattern, in, want, got)
		}
	})
}

// emptyLoops reports whether something that may be empty is repeated: engines
// differ in when they leave such a loop.
func emptyLoops(pattern string) bool {
	tree, _, _ := parse(pattern)
	var look func(n *node) bool
	look = func(n *node) bool {
		return n.op == opRepeat && n.subs[0].mayBeEmpty() || slices.ContainsFunc(n.subs, look)
	}
	return look(tree)
}
