package ua

import (
	"bytes"
	"strings"
)

// scan is what one pass over an agent finds in it.
type scan struct {
	agent string
	small [maxAgent]byte // the agent in small letters, ASCII alone
	found [48]hit        // words that rules name, in the order of the agent
	count int
	set   [maxWords / 64]uint64
}

type hit struct {
	word    uint16
	version string // what stands behind the word: /1.2 or a number of its own
	product bool   // it was a slash
}

func (s *scan) has(word uint16) bool { return s.set[word/64]>>(word%64)&1 == 1 }

// product tells whether a word has a version behind a slash.
func (s *scan) product(word uint16) bool {
	if s.has(word) {
		for _, h := range s.found[:s.count] {
			if h.word == word && h.product {
				return true
			}
		}
	}
	return false
}

// version is what stands behind a word, where it stands first with a version.
func (s *scan) version(word uint16) string {
	if s.has(word) {
		for _, h := range s.found[:s.count] {
			if h.word == word && h.version != "" {
				return h.version
			}
		}
	}
	return ""
}

func (s *scan) add(word uint16, version string, product bool) {
	if s.count < len(s.found) {
		s.found[s.count] = hit{word, version, product}
		s.count++
		s.set[word/64] |= 1 << (word % 64)
	}
}

func (s *scan) lower() []byte { return s.small[:len(s.agent)] }

func separator(b byte) bool {
	switch b {
	case ' ', ';', ',', '(', ')', '[', ']', '{', '}', '"', '\'', '<', '>', '|', '\t':
		return true
	}
	return false
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// read finds the words of the rules in agent. A word is looked up alone, with
// the word before it ("windows nt"), and without digits at its end ("ucweb7.0").
func (s *scan) read(agent string, t *tables) {
	s.agent = agent
	for i := range len(agent) {
		b := agent[i]
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		s.small[i] = b
	}
	small := s.lower()
	before := -1 // where the word before starts, if just a blank is between
	for i := 0; i < len(small); {
		if separator(small[i]) {
			i++
			before = -1
			continue
		}
		end, slash := i, -1
		for ; end < len(small) && !separator(small[end]); end++ {
			if small[end] == '/' && slash < 0 {
				slash = end
			}
		}
		s.look(t, before, i, end, slash)
		if before = i; slash >= 0 {
			before = -1
		}
		if i = end; end < len(small) && small[end] == ' ' {
			i++
		} else {
			before = -1
		}
	}
}

// look looks up the word from start to end, with a slash before its version or
// without (-1).
func (s *scan) look(t *tables, before, start, end, slash int) {
	small, name := s.lower(), end
	var version string
	if slash >= 0 {
		name, version = slash, lastVersion(s.agent[slash+1:end])
	} else {
		version = s.next(end)
	}
	for name > start && small[name-1] == ':' {
		name--
	}
	if word, ok := t.lookup(small[start:name]); ok {
		s.add(word, version, slash >= 0)
	} else if at := bytes.IndexAny(small[start:name], "0123456789"); at > 1 {
		glued := bytes.TrimRight(small[start:start+at], "_-.:")
		if word, ok := t.lookup(glued); ok {
			s.add(word, s.agent[start+at:end], false)
		}
	}
	if before >= 0 {
		if word, ok := t.lookup(small[before:name]); ok {
			s.add(word, version, slash >= 0)
		}
	}
	// In maker/product/1.0 and platform/product the product counts too.
	if part := slash + 1; slash >= 0 && part < end && !digit(small[part]) {
		next := bytes.IndexByte(small[part:end], '/')
		if next >= 0 {
			next += part
		}
		s.look(t, -1, part, end, next)
	}
}

func (t *tables) lookup(word []byte) (uint16, bool) {
	if len(word) > t.longest || len(word) == 0 {
		return 0, false
	}
	n, ok := t.words[string(word)]
	return n, ok
}

// lastVersion is the version in name/version or name/platform/version.
func lastVersion(text string) string {
	if text != "" && !digit(text[0]) {
		if slash := strings.LastIndexByte(text, '/'); slash >= 0 {
			return text[slash+1:]
		}
	}
	return text
}

// next is the word behind end if it is a number behind a single blank.
func (s *scan) next(end int) string {
	rest := s.agent[end:]
	if len(rest) < 2 || rest[0] != ' ' {
		return ""
	}
	rest = rest[1:]
	if at := strings.TrimLeft(rest, "v"); at == "" || !digit(at[0]) {
		return ""
	}
	for i := range len(rest) {
		if separator(rest[i]) {
			return rest[:i]
		}
	}
	return rest
}
