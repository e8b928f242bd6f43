package javaregex

import (
	"slices"
	"strings"
	"unicode"
)

// span is a range of characters, with both ends.
type span struct{ lo, hi rune }

// set is a set of characters: spans in order that do not touch.
type set []span

const maxRune = unicode.MaxRune

var everything = set{{0, maxRune}}

// of makes a set of the spans that follow each other in pairs.
func of(bounds ...rune) set {
	var s set
	for i := 0; i < len(bounds); i += 2 {
		s = append(s, span{bounds[i], bounds[i+1]})
	}
	return s.normal()
}

// normal sorts and joins spans.
func (s set) normal() set {
	slices.SortFunc(s, func(a, b span) int { return int(a.lo) - int(b.lo) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, x.hi)
			continue
		}
		out = append(out, x)
	}
	return out
}

func (s set) union(more ...set) set {
	all := slices.Clone(s)
	for _, m := range more {
		all = append(all, m...)
	}
	return all.normal()
}

func (s set) negate() set {
	var out set
	next := rune(0)
	for _, x := range s {
		if x.lo > next {
			out = append(out, span{next, x.lo - 1})
		}
		next = x.hi + 1
	}
	if next <= maxRune {
		out = append(out, span{next, maxRune})
	}
	return out
}

func (s set) intersect(t set) set { return s.negate().union(t.negate()).negate() }

// table is a set of the standard library.
func table(t *unicode.RangeTable) set {
	var s set
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			s = append(s, span{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			s = append(s, span{r, r})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return s.normal()
}

// fold adds the other case of the letters: those of ASCII, or all.
func (s set) fold(all bool) set {
	out := slices.Clone(s)
	for _, x := range s {
		hi := x.hi
		if !all {
			hi = min(hi, unicode.MaxASCII)
		}
		for r := x.lo; r <= hi && r < 0x20000; r++ { // no letters with cases stand behind
			if !all {
				if other := r ^ 0x20; other >= 'A' && other <= 'Z' || other >= 'a' && other <= 'z' {
					out = append(out, span{other, other})
				}
				continue
			}
			for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
				out = append(out, span{other, other})
			}
		}
	}
	return out.normal()
}

// Sets that Java has names for.
func lineEnds() set { return of('\n', '\n', '\r', '\r', 0x85, 0x85, 0x2028, 0x2029) }
func vertical() set { return of('\n', '\r', 0x85, 0x85, 0x2028, 0x2029) }
func horizontal() set {
	return of('\t', '\t', ' ', ' ', 0xA0, 0xA0, 0x1680, 0x1680, 0x180e, 0x180e, 0x2000, 0x200a, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000)
}
func space() set  { return of('\t', '\r', ' ', ' ') }
func digits() set { return of('0', '9') }
func letters() set {
	return of('A', 'Z', 'a', 'z')
}
func word() set { return letters().union(digits(), of('_', '_')) }

func unicodeSpace() set { return table(unicode.White_Space) }
func alphabetic() set {
	return table(unicode.L).union(table(unicode.Nl), table(unicode.Other_Alphabetic))
}
func lowercase() set { return table(unicode.Ll).union(table(unicode.Other_Lowercase)) }
func uppercase() set { return table(unicode.Lu).union(table(unicode.Other_Uppercase)) }
func unicodeWord() set {
	return alphabetic().union(table(unicode.M), table(unicode.Nd), table(unicode.Pc), of(0x200c, 0x200d))
}

// boundaryWord is what Java's \b takes for a word up to version 18: not \w.
func boundaryWord() set {
	return table(unicode.L).union(table(unicode.Nd), table(unicode.Mn), of('_', '_'))
}

// posix are the classes of POSIX, of ASCII alone.
func posix(name string) (set, bool) {
	switch name {
	case "Lower":
		return of('a', 'z'), true
	case "Upper":
		return of('A', 'Z'), true
	case "ASCII":
		return of(0, 0x7f), true
	case "Alpha":
		return letters(), true
	case "Digit":
		return digits(), true
	case "Alnum":
		return letters().union(digits()), true
	case "Punct":
		return of('!', '/', ':', '@', '[', '`', '{', '~'), true
	case "Graph":
		return of('!', '~'), true
	case "Print":
		return of(' ', '~'), true
	case "Blank":
		return of(' ', ' ', '\t', '\t'), true
	case "Cntrl":
		return of(0, 0x1f, 0x7f, 0x7f), true
	case "XDigit":
		return digits().union(of('a', 'f', 'A', 'F')), true
	case "Space":
		return space(), true
	}
	return nil, false
}

// unicodePosix are those classes with the flag U.
func unicodePosix(name string) (set, bool) {
	graph := func() set {
		return unicodeSpace().union(table(unicode.Cc), table(unicode.Cs), assigned().negate()).negate()
	}
	blank := func() set { return table(unicode.Zs).union(of('\t', '\t')) }
	switch strings.ToLower(name) {
	case "lower":
		return lowercase(), true
	case "upper":
		return uppercase(), true
	case "alpha":
		return alphabetic(), true
	case "digit":
		return table(unicode.Nd), true
	case "alnum":
		return alphabetic().union(table(unicode.Nd)), true
	case "punct":
		return table(unicode.P), true
	case "graph":
		return graph(), true
	case "print":
		return graph().union(blank()).intersect(table(unicode.Cc).negate()), true
	case "blank":
		return blank(), true
	case "cntrl":
		return table(unicode.Cc), true
	case "xdigit":
		return table(unicode.Nd).union(table(unicode.Hex_Digit)), true
	case "space":
		return unicodeSpace(), true
	}
	return nil, false
}

func assigned() set {
	var s set
	for name, t := range unicode.Categories {
		if len(name) == 1 && name != "C" {
			s = s.union(table(t))
		}
	}
	return s.union(table(unicode.Cc), table(unicode.Cf), table(unicode.Co), table(unicode.Cs))
}

// javaProperty are the properties named by methods of Java's Character.
func javaProperty(name string) (set, bool) {
	switch name {
	case "LowerCase":
		return lowercase(), true
	case "UpperCase":
		return uppercase(), true
	case "TitleCase":
		return table(unicode.Lt), true
	case "Alphabetic":
		return alphabetic(), true
	case "Ideographic":
		return table(unicode.Ideographic), true
	case "Digit":
		return table(unicode.Nd), true
	case "Letter":
		return table(unicode.L), true
	case "LetterOrDigit":
		return table(unicode.L).union(table(unicode.Nd)), true
	case "SpaceChar":
		return table(unicode.Z), true
	case "Whitespace":
		return table(unicode.Z).intersect(of(0xA0, 0xA0, 0x2007, 0x2007, 0x202f, 0x202f).negate()).union(of('\t', '\r', 0x1c, 0x1f)), true
	case "ISOControl":
		return of(0, 0x1f, 0x7f, 0x9f), true
	case "Defined":
		return assigned(), true
	}
	return nil, false
}

// binary are the properties of Unicode that Java knows behind Is.
func binary(name string) (set, bool) {
	switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
	case "alphabetic":
		return alphabetic(), true
	case "letter":
		return table(unicode.L), true
	case "ideographic":
		return table(unicode.Ideographic), true
	case "lowercase":
		return lowercase(), true
	case "uppercase":
		return uppercase(), true
	case "titlecase":
		return table(unicode.Lt), true
	case "whitespace":
		return unicodeSpace(), true
	case "control":
		return table(unicode.Cc), true
	case "punctuation":
		return table(unicode.P), true
	case "hexdigit":
		return table(unicode.Hex_Digit).union(table(unicode.Nd)), true
	case "assigned":
		return assigned(), true
	case "digit":
		return table(unicode.Nd), true
	case "joincontrol":
		return table(unicode.Join_Control), true
	case "noncharactercodepoint":
		return table(unicode.Noncharacter_Code_Point), true
	}
	return nil, false
}

// category finds a general category by its short name.
func category(name string) (set, bool) {
	switch name {
	case "LC":
		return table(unicode.Lu).union(table(unicode.Ll), table(unicode.Lt)), true
	case "LD":
		return table(unicode.L).union(table(unicode.Nd)), true
	case "L1":
		return of(0, 0xff), true
	case "all":
		return everything, true
	case "Cn":
		return assigned().negate(), true
	}
	if t := unicode.Categories[name]; t != nil && len(name) <= 2 {
		return table(t), true
	}
	return nil, false
}

// script finds a script by its name.
func script(name string) (set, bool) {
	for full, t := range unicode.Scripts {
		if strings.EqualFold(full, name) {
			return table(t), true
		}
	}
	return nil, false
}

// property finds what stands in \p{…}.
func property(name string, unicodeClasses bool) (set, bool) {
	if key, value, found := strings.Cut(name, "="); found {
		switch strings.ToLower(key) {
		case "sc", "script":
			return script(value)
		case "gc", "general_category":
			return category(value)
		case "blk", "block":
			return block(value)
		}
		return nil, false
	}
	if rest, found := strings.CutPrefix(name, "java"); found {
		return javaProperty(rest)
	}
	if unicodeClasses {
		if s, found := unicodePosix(name); found {
			return s, true
		}
	}
	if rest, found := strings.CutPrefix(name, "In"); found {
		return block(rest)
	}
	if rest, found := strings.CutPrefix(name, "Is"); found {
		for _, find := range []func(string) (set, bool){binary, category, script} {
			if s, found := find(rest); found {
				return s, true
			}
		}
		return nil, false
	}
	if s, found := posix(name); found {
		return s, true
	}
	return category(name)
}
