package flume

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/option"
)

// Property is one described property of a component.
type Property struct {
	*option.Option
	Required bool     // must be set
	Unit     string   // of a number: "ms", "s", "bytes", "events"; "" = none
	Old      []string // names in earlier Flumes, still read
	Family   bool     // Name ends in a dot and stands for every name below it
	Ignored  string   // why the property is read but has no effect; "" = it has
	Empty    bool     // a file may set it to nothing, and mean that
	Never    bool     // 0 turns it off, and so does any number below
	isSet    bool
}

// Require marks the property as required.
func (p *Property) Require() *Property { p.Required = true; return p }

// MayBeEmpty says that an empty value is meant as it is.
func (p *Property) MayBeEmpty() *Property { p.Empty = true; return p }

// OrNever says that 0 turns off what a number limits, and that one below it does,
// too: Flume only asks whether it is above 0, and files say -1.
func (p *Property) OrNever() *Property { p.Never = true; return p }

// In names the unit of a number.
func (p *Property) In(unit string) *Property { p.Unit = unit; return p }

// Formerly names earlier spellings that are still read.
func (p *Property) Formerly(old ...string) *Property { p.Old = old; return p }

// Without says why the property has no effect.
func (p *Property) Without(effect string) *Property { p.Ignored = effect; return p }

// IsSet reports whether the property file gave a value.
func (p *Property) IsSet() bool { return p.isSet }

// Assign reads the value text; name is the name that the file used, which
// matters for a family.
func (p *Property) Assign(name, text string) error {
	if p.Family {
		text = strings.TrimPrefix(name, p.Name) + "=" + text
	}
	if err := p.Value.Set(p.meant(text)); err != nil {
		if p.Unit != "" {
			return fmt.Errorf("%w (in %s)", err, p.Unit)
		}
		return err
	}
	p.isSet = true
	return nil
}

// meant is the text that the property takes for text.
func (p *Property) meant(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n < 0 && p.Never {
		return "0"
	}
	return text
}

// Accepts reports whether a text could be assigned. The property stays as it is.
func (p *Property) Accepts(text string) bool {
	before := p.Value.String()
	if p.Family || p.Value.Set(p.meant(text)) != nil {
		return false
	}
	return p.Value.Set(before) == nil
}

// Properties are the described properties of one component, in the order of
// their description. A constructor fills it with pointers into the component,
// so that assigning a value configures the component.
type Properties struct {
	// System are Java's system properties (-Dk=v): some of them set the default
	// of a property for all components.
	System map[string]string

	list []*Property
}

// All returns the properties in order.
func (p *Properties) All() []*Property { return p.list }

// Lookup finds a property by its name, an older name or its family; nil if the
// component has none of it. old tells that an older name was used.
func (p *Properties) Lookup(name string) (found *Property, old bool) {
	for _, q := range p.list {
		if q.Name == name && !q.Family || q.Family && strings.HasPrefix(name, q.Name) && len(name) > len(q.Name) {
			return q, false
		}
		for _, o := range q.Old {
			if o == name {
				return q, true
			}
		}
	}
	return nil, false
}

func (p *Properties) add(o *option.Option) *Property {
	q := &Property{Option: o}
	p.list = append(p.list, q)
	return q
}

// Add describes a property with a value of the caller's own kind.
func (p *Properties) Add(name string, v option.Value, help string) *Property {
	return p.add(new(option.Set).Add(name, v, help))
}

// String describes a text property.
func (p *Properties) String(to *string, name, def, help string) *Property {
	return p.add(new(option.Set).String(to, name, def, help))
}

// Bool describes a property that is true or false.
func (p *Properties) Bool(to *bool, name string, def bool, help string) *Property {
	*to = def
	return p.Add(name, (*boolean)(to), help)
}

// Choice describes a property with a closed list of words, in any case.
func (p *Properties) Choice(to *string, name, def string, words []string, help string) *Property {
	*to = def
	q := p.Add(name, &choice{to, words}, help)
	q.Words = words
	return q
}

// Int describes a whole number of at least min.
func (p *Properties) Int(to *int, name string, def, min int, help string) *Property {
	*to = def
	return p.Add(name, &number{p: to, min: min, max: int(^uint(0) >> 1)}, help)
}

// Port describes a port number; 0 lets the system choose a free one.
func (p *Properties) Port(to *int, name, help string) *Property {
	q := p.Add(name, &number{p: to, max: 65535}, help)
	q.Default = ""
	return q
}

// Host describes a host name or an address to listen on or to connect to.
func (p *Properties) Host(to *string, name, help string) *Property {
	return p.Add(name, (*hostName)(to), help)
}

// Duration describes a length of time, written as a whole number of unit,
// which is time.Second or time.Millisecond.
func (p *Properties) Duration(to *time.Duration, name string, def, unit time.Duration, help string) *Property {
	*to = def
	text := "ms"
	if unit == time.Second {
		text = "s"
	}
	return p.Add(name, &duration{to, unit}, help).In(text)
}

// Family describes all properties that begin with prefix, which ends in a dot;
// they land in *to by the rest of their names.
func (p *Properties) Family(to *map[string]string, prefix, help string) *Property {
	*to = map[string]string{}
	q := p.Add(prefix, family(*to), help)
	q.Family = true
	return q
}

type number struct {
	p        *int
	min, max int
}

func (v *number) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return fmt.Errorf("want a whole number, not %q", s)
	case n < v.min:
		return fmt.Errorf("want at least %d, not %d", v.min, n)
	case n > v.max:
		return fmt.Errorf("want at most %d, not %d", v.max, n)
	}
	*v.p = n
	return nil
}
func (v *number) String() string { return strconv.Itoa(*v.p) }
func (v *number) Type() string   { return "int" }

type hostName string

// Set refuses blanks: what follows one is mostly a comment, and a comment in
// its own line is the only kind that a property file knows.
func (v *hostName) Set(s string) error {
	if name, port, found := strings.Cut(s, ":"); found && !strings.Contains(port, ":") && name != "" {
		return fmt.Errorf("want a host name or an address without a port, not %q", s)
	}
	if strings.ContainsAny(s, " \t;,/") {
		return fmt.Errorf("want a host name or an address, not %q", s)
	}
	if digits := strings.Trim(s, "0123456789."); digits == "" && strings.Contains(s, ".") && net.ParseIP(s) == nil {
		return fmt.Errorf("%q is no address", s)
	}
	*v = hostName(s)
	return nil
}
func (v *hostName) String() string { return string(*v) }
func (v *hostName) Type() string   { return "host" }

type boolean bool

// Set reads true and false in any case: Flume takes all else for false, which
// hides mistakes.
func (v *boolean) Set(s string) error {
	switch strings.ToLower(s) {
	case "true":
		*v = true
	case "false":
		*v = false
	default:
		return fmt.Errorf("want true or false, not %q", s)
	}
	return nil
}
func (v *boolean) String() string { return strconv.FormatBool(bool(*v)) }
func (v *boolean) Type() string   { return "bool" }

type choice struct {
	p     *string
	words []string
}

func (v *choice) Set(s string) error {
	for _, w := range v.words {
		if strings.EqualFold(w, s) {
			*v.p = w
			return nil
		}
	}
	return fmt.Errorf("want one of %s, not %q", strings.Join(v.words, ", "), s)
}
func (v *choice) String() string { return *v.p }
func (v *choice) Type() string   { return "word" }

type duration struct {
	p    *time.Duration
	unit time.Duration
}

func (v *duration) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("want a whole number, not %q", s)
	case n < 0:
		return fmt.Errorf("want at least 0, not %d", n)
	case n > int64((1<<63-1)/v.unit):
		n = int64((1<<63 - 1) / v.unit) // for ever, as files write it
	}
	*v.p = time.Duration(n) * v.unit
	return nil
}
func (v *duration) String() string { return strconv.FormatInt(int64(*v.p/v.unit), 10) }
func (v *duration) Type() string   { return "int" }

type family map[string]string

func (v family) Set(s string) error {
	key, value, _ := strings.Cut(s, "=")
	v[key] = value
	return nil
}
func (v family) String() string { return "" }
func (v family) Type() string   { return "string" }
