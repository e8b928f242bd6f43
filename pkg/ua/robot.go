package ua

import (
	"bytes"
	"strings"
)

// robotWords are parts of words that robots have in their names.
var robotWords = [...]string{"bot", "crawl", "spider", "fetch", "scraper", "archiver", "monitor", "validator", "checker", "nutch"}

// robot stores the name of a robot that the table does not know, by a part of a
// word such as "bot", or by the address it leaves for those it visits.
func (s *scan) robot(t *tables, name, version *string) bool {
	small := s.lower()
	for _, part := range robotWords {
		for from := 0; ; {
			at := bytes.Index(small[from:], []byte(part))
			if at < 0 {
				break
			}
			at += from
			start, end := s.around(at)
			from = end
			if s.notName(start, end, at) {
				continue
			}
			// `Name/1.0 (what kind of robot; …)` names itself first.
			if s.mozilla() || bytes.IndexByte(small[start:end], '/') >= 0 || !s.first(name, version) {
				*name, *version = s.named(start, end, at+len(part)-start)
			}
			return true
		}
	}
	return s.compatible(t, name, version)
}

// around returns the limits of the word at the given place.
func (s *scan) around(at int) (start, end int) {
	start, end = at, at
	for start > 0 && !separator(s.agent[start-1]) {
		start--
	}
	for end < len(s.agent) && !separator(s.agent[end]) {
		end++
	}
	return start, end
}

// notName tells whether a word cannot be the name of a robot: it is an address,
// or a phone of the maker Cubot.
func (s *scan) notName(start, end, at int) bool {
	word := s.small[start:end]
	return bytes.Contains(word, []byte("://")) || bytes.HasPrefix(word, []byte("www.")) ||
		bytes.IndexByte(word, '@') >= 0 || bytes.HasPrefix(word, []byte("cubot")) ||
		bytes.IndexByte(word[:at-start], '/') >= 0
}

// named takes the name of a robot out of the word from start to end, of which
// the part that shows the robot ends at the given length, widens it by the word
// before, as in "Speedy Spider", and finds the version behind or at its end.
func (s *scan) named(start, end, part int) (name, version string) {
	name = s.agent[start:end]
	if slash := strings.IndexByte(name, '/'); slash >= 0 {
		name, version = name[:slash], number(lastVersion(name[slash+1:]))
	} else if at := strings.IndexAny(name[part:], "0123456789"); at >= 0 {
		version = number(name[part+at:])
		name = strings.TrimRight(strings.TrimRight(name[:part+at], "v"), "_-.")
	} else {
		version = number(s.next(end))
	}
	name = strings.TrimRight(name, ":-+.")
	if start > 1 && s.agent[start-1] == ' ' && !separator(s.agent[start-2]) {
		before, _ := s.around(start - 2)
		if word := s.agent[before : start-1]; letters(word) && word != "compatible" {
			name = word + " " + name
		}
	}
	return name, version
}

func letters(word string) bool {
	for i := range len(word) {
		if b := word[i] | 0x20; b < 'a' || b > 'z' {
			return false
		}
	}
	return word != ""
}

// compatible finds the name in `Mozilla/5.0 (compatible; Name/1.0; http://…)`.
func (s *scan) compatible(t *tables, name, version *string) bool {
	const mark = "(compatible; "
	small := s.lower()
	at := bytes.Index(small, []byte(mark))
	if at < 0 || !s.hasURL() {
		return false
	}
	start := at + len(mark)
	end := start
	for end < len(small) && !separator(small[end]) {
		end++
	}
	word, _, _ := bytes.Cut(small[start:end], []byte("/"))
	if _, known := t.words[string(word)]; known || len(word) < 3 || s.notName(start, end, start) {
		return false
	}
	*name, *version = s.named(start, end, len(word))
	return true
}

// hasURL tells whether the agent has an address: people's clients have none.
func (s *scan) hasURL() bool {
	small := s.lower()
	if bytes.Contains(small, []byte("://")) || bytes.Contains(small, []byte("www.")) {
		return true
	}
	at := bytes.IndexByte(small, '@')
	return at > 0 && at+1 < len(small) && letters(s.agent[at-1:at]) && letters(s.agent[at+1:at+2])
}

// mozilla tells whether the agent begins as those of browsers do.
func (s *scan) mozilla() bool { return bytes.HasPrefix(s.lower(), []byte("mozilla/")) }

// first stores the first product of an agent, `Name/1.0 …` or `Name 1.0 …`.
func (s *scan) first(name, version *string) bool {
	const longest = 64
	end := 0
	for ; end < len(s.agent); end++ {
		b := s.agent[end]
		if b == '/' || b == '(' || b == ',' || b == '[' || b == ';' || b == '|' {
			break
		}
		if b == ' ' && s.numbered(end+1) {
			break
		}
		if b < ' ' || strings.IndexByte("=<>{}\"\\`$@*?", b) >= 0 {
			return false
		}
	}
	text := strings.TrimSpace(s.agent[:end])
	text = strings.TrimSuffix(strings.TrimSuffix(text, "-iPad"), "-iPhone")
	if text == "" || len(text) > longest {
		return false
	}
	*name = text
	if end+1 < len(s.agent) && (s.agent[end] == '/' || s.agent[end] == ' ') {
		*version = number(lastVersion(s.agent[end+1:]))
	}
	return true
}

// numbered tells whether a version or a remark begins at the given place.
func (s *scan) numbered(at int) bool {
	rest := s.agent[at:]
	return rest != "" && (digit(rest[0]) || rest[0] == '-' || rest[0] == '+' || rest[0] == 'v' && len(rest) > 1 && digit(rest[1]))
}
