// Package option describes the settings of a component once: name, default,
// unit and help. The command line makes flags of them, `run` parses a stage's
// words with them, help, man pages and completion are written from them.
package option

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Value holds one setting. It has the methods of pflag.Value, so that a flag
// can be made of it without this package knowing about flags.
type Value interface {
	Set(text string) error
	String() string
	Type() string
}

// Option is one setting of a component.
type Option struct {
	Name    string   // long name, without dashes
	Letter  string   // one-letter form, or ""
	Help    string   // one line; `word` in back quotes names the argument
	Value   Value    // where it is stored; its text is the default
	Words   []string // allowed words, for completion; nil = anything
	Bare    string   // the value when the flag stands alone ("true" for switches); "" = needs one
	Hidden  bool     // understood, not shown (what people paste from other tools)
	Secret  bool     // what is stored is never shown, and never given as a flag or in the environment: the configuration file has it
	Field   bool     // names a field of the records: completion offers field names
	Default string   // text of the default
}

// Set is the ordered list of a component's settings.
type Set struct{ options []*Option }

// All returns the settings in the order of their definition.
func (s *Set) All() []*Option { return s.options }

// Lookup finds a setting by its long name, or returns nil.
func (s *Set) Lookup(name string) *Option {
	for _, o := range s.options {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// Add appends a setting; a name of the form "count,n" gives its letter too.
func (s *Set) Add(name string, v Value, help string) *Option {
	long, letter, _ := strings.Cut(name, ",")
	o := &Option{Name: long, Letter: letter, Help: help, Value: v, Default: v.String()}
	s.options = append(s.options, o)
	return o
}

// String adds a text setting.
func (s *Set) String(p *string, name, def, help string) *Option {
	*p = def
	return s.Add(name, (*text)(p), help)
}

// Strings adds a list that grows with each use and splits at commas.
func (s *Set) Strings(p *[]string, name string, help string) *Option {
	return s.Add(name, &list{p: p, comma: true}, help)
}

// Repeated adds a list that grows with each use and keeps commas.
func (s *Set) Repeated(p *[]string, name string, help string) *Option {
	return s.Add(name, &list{p: p}, help)
}

// Bool adds a switch.
func (s *Set) Bool(p *bool, name string, help string) *Option {
	o := s.Add(name, (*boolean)(p), help)
	o.Bare = "true"
	return o
}

// Int adds an integer.
func (s *Set) Int(p *int, name string, def int, help string) *Option {
	*p = def
	return s.Add(name, (*integer)(p), help)
}

// Int64 adds a 64-bit integer.
func (s *Set) Int64(p *int64, name string, def int64, help string) *Option {
	*p = def
	return s.Add(name, (*integer64)(p), help)
}

// Float adds a number.
func (s *Set) Float(p *float64, name string, def float64, help string) *Option {
	*p = def
	return s.Add(name, (*float)(p), help)
}

// Duration adds a length of time such as 10s, 1m30s or 2d.
func (s *Set) Duration(p *time.Duration, name string, def time.Duration, help string) *Option {
	*p = def
	return s.Add(name, (*Duration)(p), help)
}

// Span adds a length of time that has to be longer than nothing where it is
// given; *p stays 0 where it is not.
func (s *Set) Span(p *time.Duration, name, help string) *Option {
	*p = 0
	return s.Add(name, &span{(*Duration)(p)}, help)
}

// Choice adds a text setting with a closed list of words.
func (s *Set) Choice(p *string, name, def string, words []string, help string) *Option {
	*p = def
	o := s.Add(name, &choice{p: p, words: words}, help)
	o.Words = words
	return o
}

type text string

func (v *text) Set(s string) error { *v = text(s); return nil }
func (v *text) String() string     { return string(*v) }
func (v *text) Type() string       { return "string" }

type boolean bool

func (v *boolean) Set(s string) error {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("want true or false, not %q", s)
	}
	*v = boolean(b)
	return nil
}
func (v *boolean) String() string { return strconv.FormatBool(bool(*v)) }
func (v *boolean) Type() string   { return "bool" }

type integer int

func (v *integer) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("want a whole number, not %q", s)
	}
	*v = integer(n)
	return nil
}
func (v *integer) String() string { return strconv.Itoa(int(*v)) }
func (v *integer) Type() string   { return "int" }

type integer64 int64

func (v *integer64) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("want a whole number, not %q", s)
	}
	*v = integer64(n)
	return nil
}
func (v *integer64) String() string { return strconv.FormatInt(int64(*v), 10) }
func (v *integer64) Type() string   { return "int" }

type float float64

func (v *float) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("want a number, not %q", s)
	}
	*v = float(f)
	return nil
}
func (v *float) String() string { return strconv.FormatFloat(float64(*v), 'g', -1, 64) }
func (v *float) Type() string   { return "number" }

// Duration is a time.Duration whose text may also use d (24 h) and w (7 d).
type Duration time.Duration

// Set reads 90s, 1m30s, 500ms, 2d, 1w; a bare 0 is allowed.
func (v *Duration) Set(s string) error {
	d, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*v = Duration(d)
	return nil
}

func (v *Duration) String() string { return FormatDuration(time.Duration(*v)) }

// Type names the argument in help.
func (v *Duration) Type() string { return "duration" }

type span struct{ *Duration }

func (v *span) Set(s string) error {
	d, err := ParseDuration(s)
	if err == nil && d <= 0 {
		err = fmt.Errorf("want a duration longer than nothing, not %q", s)
	}
	if err == nil {
		*v.Duration = Duration(d)
	}
	return err
}

// ParseDuration reads Go's durations and the units d (24 h) and w (7 d).
func ParseDuration(s string) (time.Duration, error) {
	bad := func() (time.Duration, error) {
		return 0, fmt.Errorf("want a duration such as 500ms, 10s, 1m30s or 2d, not %q", s)
	}
	rest, total := s, time.Duration(0)
	for _, u := range []struct {
		letter string
		unit   time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		if i := strings.Index(rest, u.letter); i >= 0 {
			n, err := strconv.ParseFloat(rest[:i], 64)
			if err != nil || n < 0 || n*float64(u.unit) > 1<<62 {
				return bad()
			}
			total += time.Duration(n * float64(u.unit))
			rest = rest[i+1:]
			if rest == "" {
				return total, nil
			}
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return bad()
	}
	return total + d, nil
}

// FormatDuration prints 1m instead of 1m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

type list struct {
	p     *[]string
	comma bool
}

func (v *list) Set(s string) error {
	if !v.comma {
		*v.p = append(*v.p, s)
		return nil
	}
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			*v.p = append(*v.p, part)
		}
	}
	return nil
}
func (v *list) String() string { return strings.Join(*v.p, ",") }
func (v *list) Type() string   { return "list" }

type choice struct {
	p     *string
	words []string
}

func (v *choice) Set(s string) error {
	for _, w := range v.words {
		if s == w {
			*v.p = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s, not %q", strings.Join(v.words, ", "), s)
}
func (v *choice) String() string { return *v.p }
func (v *choice) Type() string   { return "word" }
