package format

import (
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// Names are the formats that Lookup knows, in the order of help.
func Names() []string {
	list := []string{"access"}
	for _, n := range named {
		list = append(list, n.name)
	}
	return append(list, "nginx", "w3c", "delimited", "csv", "regex", "logfmt", "json", "spark-event", "text")
}

// Lookup returns the format of the text FORMAT or FORMAT=ARGUMENT, as on the
// command line: nginx='$remote_addr …', regex='(?P<name>…)'. Where it is a
// Sampled, its Sample is to be called before the work fans out. The error is
// one of usage.
func Lookup(text string, o Options) (Format, error) {
	name, arg, has := strings.Cut(text, "=")
	if f, ok := accessFormat(name, o); ok && !has {
		return f, nil
	}
	switch {
	case name == "nginx":
		return nginxFormat(arg, o)
	case name == "regex" && arg != "":
		return newRegex(arg, o)
	case name == "regex":
		return nil, fault.Hint(fault.Usagef("regex needs an expression"), "as in regex='^(?P<level>[A-Z]+) (?P<msg>.*)$'")
	case has:
		return nil, unknownFormat(text)
	}
	switch name {
	case "access":
		return autoFormat{options: o}, nil
	case "w3c":
		return w3cFormat{options: o}, nil
	case "delimited":
		return newDelimited(o)
	case "csv":
		return newCSV(o)
	case "logfmt":
		return newLogfmt(o)
	case "json":
		return jsonFormat{}, nil
	case "spark-event":
		return sparkEvent{}, nil
	case "text":
		return textFormat{}, nil
	}
	return nil, unknownFormat(text)
}

func unknownFormat(text string) error {
	err := fault.Usagef("there is no format %q", text)
	if strings.Contains(text, "$") {
		return fault.Hint(err, "write a log_format of nginx as nginx='%s'", text)
	}
	near := option.Closest(text, Names())
	for _, n := range Names() { // a beginning, or more than the name: access.log
		if near == "" && len(text) > 2 && (strings.HasPrefix(n, text) || strings.HasPrefix(text, n)) {
			near = n
		}
	}
	list := strings.Join(Names(), ", ")
	switch {
	case strings.ContainsAny(text, "./") && near != "":
		return fault.Hint(err, "the format stands before the files: logpipe parse %s %s", near, text)
	case strings.ContainsAny(text, "./"):
		return fault.Hint(err, "the format stands before the files: logpipe parse FORMAT %s; formats are %s", text, list)
	case near != "":
		return fault.Hint(err, "did you mean %s? Formats are %s", near, list)
	}
	return fault.Hint(err, "formats are %s", list)
}

// Suggest returns the name of a format that reads line, which no stage had read
// before; "" where none is known to.
func Suggest(line []byte) string {
	name := otherFit(line, "")
	for _, n := range named {
		if n.name == name {
			return "access"
		}
	}
	return name
}

// With adds extracts and a schema to f; both may be empty. Templates name the
// fields by their short names, and the fields that they make keep theirs. The
// result is Sampled and a Framer as f is. The error is one of usage.
func With(f Format, extracts []*Extract, s *Schema) (Format, error) {
	if len(extracts) == 0 && (s == nil || s.name == "short") {
		return f, nil
	}
	d := decorated{Format: f, base: f, extracts: extracts, schema: s}
	x, err := withExtracts(f, f.Fields(), slices.Clip(extracts))
	if err != nil {
		return nil, err
	}
	d.Format = withSchema(x, s)
	sampled, isSampled := f.(Sampled)
	framer, isFramer := f.(Framer)
	switch {
	case isSampled && isFramer:
		return sampledFramer{decoratedSampled{d, sampled}, framer}, nil
	case isSampled:
		return decoratedSampled{d, sampled}, nil
	case isFramer:
		return decoratedFramer{d, framer}, nil
	}
	return d.Format, nil
}

// decorated is a format with extracts and a schema, and with what it was made of.
type decorated struct {
	Format
	base     Format
	extracts []*Extract
	schema   *Schema
}

type decoratedSampled struct {
	decorated
	sampled Sampled
}

func (d decoratedSampled) Settled() bool { return d.sampled.Settled() }

func (d decoratedSampled) Sample(head []byte) (Format, error) {
	f, err := d.sampled.Sample(head)
	if err != nil {
		return nil, err
	}
	if s, ok := f.(Sampled); ok && !s.Settled() {
		return With(f, d.extracts, d.schema)
	}
	return d.become(f)
}

// become decorates what the format has become, which needs no more samples.
func (d decoratedSampled) become(f Format) (Format, error) {
	own := f.Fields()
	if _, auto := d.sampled.(autoFormat); auto {
		own = d.sampled.Fields() // an extract of a field that only other lines have never matches
	}
	x, err := withExtracts(f, own, d.extracts)
	if err != nil {
		return nil, err
	}
	x = withSchema(x, d.schema)
	if framer, ok := f.(Framer); ok {
		return decoratedFramer{decorated{Format: x, base: f}, framer}, nil
	}
	return x, nil
}

func (d decoratedSampled) guess() Format {
	if g, ok := d.sampled.(guesser); ok {
		if f, err := d.become(g.guess()); err == nil {
			return f
		}
	}
	return d
}

type decoratedFramer struct {
	decorated
	framer Framer
}

func (d decoratedFramer) Cut(data []byte) int            { return d.framer.Cut(data) }
func (d decoratedFramer) Next(data []byte) ([]byte, int) { return d.framer.Next(data) }
func (d decoratedFramer) Skip() func([]byte) (int, bool, string) {
	return d.framer.Skip()
}

type sampledFramer struct {
	decoratedSampled
	framer Framer
}

func (d sampledFramer) Cut(data []byte) int            { return d.framer.Cut(data) }
func (d sampledFramer) Next(data []byte) ([]byte, int) { return d.framer.Next(data) }
func (d sampledFramer) Skip() func([]byte) (int, bool, string) {
	return d.framer.Skip()
}
