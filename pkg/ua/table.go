package ua

import (
	"strings"
	"sync"
)

// maxWords is how many different words the tables may name.
const maxWords = 1024

// tables are the compiled rules.
type tables struct {
	words    map[string]uint16 // the words that rules name, in small letters
	longest  int               // bytes of the longest of them
	robots   table
	tools    table
	apps     table
	browsers table
	systems  table
	devices  table
}

// table holds rules under their first words, in the order of their lines.
type table struct {
	rules  []rule
	byWord [][]uint16 // by the number of the first word: its rules
}

// rule is one line of a table; see rules.go.
type rule struct {
	terms   []term
	name    string
	version string // a version as it is, if given
	word    int    // else the word that has it; -1 = none
}

type term struct {
	word    uint16
	not     bool
	product bool   // the word must have a slash behind it
	version string // how its version must begin, or ""
}

// rules compiles the tables on the first use: start-up pays nothing for them.
var rules = sync.OnceValue(func() *tables {
	t := &tables{words: map[string]uint16{}}
	t.robots = t.compile(robotRules)
	t.tools = t.compile(toolRules)
	t.apps = t.compile(appRules)
	t.browsers = t.compile(browserRules)
	t.systems = t.compile(systemRules)
	t.devices = t.compile(deviceRules)
	return t
})

func (t *tables) word(text string) uint16 {
	text = strings.TrimSpace(text)
	n, ok := t.words[text]
	if !ok {
		n = uint16(len(t.words))
		t.words[text] = n
		t.longest = max(t.longest, len(text))
	}
	return n
}

func (t *tables) compile(text string) table {
	var out table
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "//")
		if line == "" {
			continue
		}
		columns := strings.Split(line, "|")
		r := t.terms(columns[0])
		r.name = strings.TrimSpace(columns[1])
		if len(columns) > 2 {
			switch version := strings.TrimSpace(columns[2]); {
			case version == "-":
				r.word = -1
			case strings.HasPrefix(version, "="):
				r.version = version[1:]
			default:
				r.word = int(t.word(version))
			}
		}
		first := int(r.terms[0].word)
		for len(out.byWord) <= first {
			out.byWord = append(out.byWord, nil)
		}
		out.byWord[first] = append(out.byWord[first], uint16(len(out.rules)))
		out.rules = append(out.rules, r)
	}
	return out
}

func (t *tables) terms(column string) rule {
	var r rule
	for text := range strings.SplitSeq(column, "&") {
		text, version, _ := strings.Cut(strings.TrimSpace(text), "=")
		text, not := strings.CutPrefix(strings.TrimSpace(text), "!")
		text, product := strings.CutSuffix(text, "/")
		r.terms = append(r.terms, term{t.word(text), not, product, strings.TrimSpace(version)})
	}
	r.word = int(r.terms[0].word)
	return r
}

// find stores name and version by the first rule of the table that fits the
// words of s.
func (t *table) find(s *scan, name, version *string) bool {
	best := len(t.rules)
	for i := range s.count {
		w := int(s.found[i].word)
		if w >= len(t.byWord) {
			continue
		}
		for _, n := range t.byWord[w] {
			if int(n) >= best {
				break
			}
			if t.rules[n].fits(s) {
				best = int(n)
			}
		}
	}
	if best == len(t.rules) {
		return false
	}
	r := &t.rules[best]
	*name = r.name
	switch {
	case r.version != "":
		*version = r.version
	case r.word >= 0:
		*version = number(s.version(uint16(r.word)))
	}
	return true
}

func (r *rule) fits(s *scan) bool {
	for _, t := range r.terms {
		if s.has(t.word) == t.not || t.product && !s.product(t.word) {
			return false
		}
		if t.version != "" && !begins(s.version(t.word), t.version) {
			return false
		}
	}
	return true
}

// begins tells whether version begins with the numbers of prefix: 6.1.7601
// begins with 6.1, 6.10 does not.
func begins(version, prefix string) bool {
	rest, ok := strings.CutPrefix(version, prefix)
	return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
}

// number is the version at the beginning of text: numbers with dots, or with
// underscores, which become dots.
func number(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "v"), "V")
	end, underscores := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b >= '0' && b <= '9':
			end = i + 1
			continue
		case (b == '.' || b == '_') && end == i && i > 0: // one between two numbers
			underscores = underscores || b == '_'
			continue
		}
		break
	}
	if text = text[:end]; underscores {
		text = strings.ReplaceAll(text, "_", ".")
	}
	return text
}
