package catalog

import (
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// ParseOptions sets the settings that words name and returns the other words.
// The grammar is that of the command line: --name value, --name=value, -n value,
// -nvalue, switches of one letter together, and -- before words that begin with
// a dash. given lists the names that were set.
func ParseOptions(s *option.Set, words []string) (args, given []string, err error) {
	p := optionParser{set: s, words: words}
	for len(p.words) > 0 {
		w := p.words[0]
		p.words = p.words[1:]
		switch {
		case w == "--":
			return append(args, p.words...), p.given, nil
		case strings.HasPrefix(w, "--"):
			err = p.long(w[2:])
		case len(w) > 1 && w[0] == '-':
			err = p.letters(w[1:])
		default:
			args = append(args, w)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return args, p.given, nil
}

type optionParser struct {
	set   *option.Set
	words []string
	given []string
}

func (p *optionParser) long(w string) error {
	name, value, has := strings.Cut(w, "=")
	o := p.set.Lookup(name)
	if o == nil {
		return UnknownOption(p.set, name)
	}
	if !has {
		if value = o.Bare; value == "" {
			if len(p.words) == 0 {
				return NeedsValue("--"+name, o)
			}
			value, p.words = p.words[0], p.words[1:]
		}
	}
	return p.store(o, "--"+name, value)
}

func (p *optionParser) letters(w string) error {
	for w != "" {
		letter, rest := w[:1], w[1:]
		o := byLetter(p.set, letter)
		if o == nil {
			return UnknownLetter(p.set, letter, w)
		}
		var value string
		switch {
		case len(rest) > 1 && rest[0] == '=':
			value, w = rest[1:], ""
		case o.Bare != "":
			value, w = o.Bare, rest
		case rest != "":
			value, w = rest, ""
		case len(p.words) > 0:
			value, p.words, w = p.words[0], p.words[1:], ""
		default:
			return NeedsValue("-"+letter, o)
		}
		if err := p.store(o, "-"+letter, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *optionParser) store(o *option.Option, as, value string) error {
	if o.Secret {
		return WrongValue(as, o, SecretOnLine(o))
	}
	if err := o.Value.Set(value); err != nil {
		return WrongValue(as, o, err)
	}
	p.given = append(p.given, o.Name)
	return nil
}

func byLetter(s *option.Set, letter string) *option.Option {
	for _, o := range s.All() {
		if o.Letter == letter {
			return o
		}
	}
	return nil
}

// UnknownOption is the error for a long name that the set does not have.
func UnknownOption(s *option.Set, name string) error {
	err := fault.Usagef("unknown flag --%s", name)
	var names []string
	for _, o := range s.All() {
		if !o.Hidden {
			names = append(names, o.Name)
		}
	}
	if near := option.Closest(name, names); near != "" {
		return fault.Hint(err, "did you mean --%s?", near)
	}
	return err
}

// UnknownLetter is the error for a letter that the set does not have, within
// the word w (without its dash).
func UnknownLetter(s *option.Set, letter, w string) error {
	err := fault.Usagef("unknown flag -%s", letter)
	if len(w) > 1 {
		if s.Lookup(w) != nil {
			return fault.Hint(err, "did you mean --%s?", w)
		}
	}
	if letter >= "0" && letter <= "9" || letter == "." {
		return fault.Hint(err, "write -- before words that begin with a dash")
	}
	return err
}

// NeedsValue is the error for a flag without its value.
func NeedsValue(as string, o *option.Option) error {
	err := fault.Usagef("%s needs a value", as)
	if len(o.Words) > 0 {
		return fault.Hint(err, "one of %s", strings.Join(o.Words, ", "))
	}
	return err
}

// WrongValue is the error for a value that a flag does not take.
func WrongValue(as string, o *option.Option, err error) error {
	wrapped := fault.With(fault.Usage, &valueError{as, err})
	if len(o.Words) > 0 && fault.HintOf(err) == "" {
		return fault.Hint(wrapped, "one of %s", strings.Join(o.Words, ", "))
	}
	return wrapped
}

type valueError struct {
	as  string
	err error
}

func (e *valueError) Error() string { return e.as + ": " + e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }
