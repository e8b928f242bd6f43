package op

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/format"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Parse is the operator that makes records of lines.
var Parse = Definition{
	Name:     "parse",
	Usage:    "parse <FORMAT> [FILE...]",
	Short:    "make records of the lines of a log",
	Long:     parseLong(),
	Examples: parseExamples,
	New:      func() Builder { return new(parse) },
}

// parse is the builder of the stage; its first fields are the settings.
type parse struct {
	fields    string
	delimiter string
	header    bool
	types     string
	pattern   string
	extract   []string
	schema    string
	explain   string

	text     string // FORMAT, with its argument behind =
	files    []string
	options  format.Options
	extracts []*format.Extract
	names    *format.Schema
	format   format.Format // with times that name no zone in UTC
}

// Options declares the settings.
func (p *parse) Options(s *option.Set) {
	s.String(&p.fields, "fields", "", "delimited, csv: names and types of the values, `page,clicks:int,minutes:float`")
	s.String(&p.delimiter, "delimiter", "", "delimited, csv: `TEXT` between two values; default: | and a comma")
	s.Bool(&p.header, "header", "csv: the first record names the fields; so it does without --fields")
	s.String(&p.types, "types", "", "csv, regex, logfmt: types of fields that are not text, `status:int,took:float`")
	s.String(&p.pattern, "pattern", "", "regex: the expression, nginx: the log_format, as `TEXT`")
	s.Repeated(&p.extract, "extract", "add fields from the text of another one, `'path=/course/{course:int}.html'`")
	s.String(&p.schema, "schema", "short", "names of the fields: `short`, otel (OpenTelemetry) or ecs (Elastic)").Words = format.SchemaNames()
	s.String(&p.explain, "explain", "", "show how the format reads `LINE`, and read nothing else")
}

// Build finds the format. Words behind it name files.
func (p *parse) Build(args []string) (stream.Stage, error) {
	if err := p.build(args); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return newParseStage(p, stream.AllFields()), nil
}

func (p *parse) build(args []string) error {
	if len(args) == 0 {
		return fault.Hint(fault.Usagef("say which format the lines have"), "formats are %s", strings.Join(format.Names(), ", "))
	}
	if err := p.readWords(args); err != nil {
		return err
	}
	if err := p.checkSettings(); err != nil {
		return err
	}
	if err := p.readSettings(); err != nil {
		return err
	}
	var err error
	p.format, err = p.make(nil)
	return err
}

// readWords takes FORMAT, the argument of a format that needs one, and files.
func (p *parse) readWords(args []string) error {
	p.text, p.files = args[0], args[1:]
	if p.text != "regex" && p.text != "nginx" {
		if p.pattern != "" {
			return fault.Hint(fault.Usagef("--pattern is for regex and nginx, not for %s", p.text), "leave it out")
		}
		return nil
	}
	pattern := p.pattern
	if pattern == "" && len(p.files) > 0 {
		pattern, p.files = p.files[0], p.files[1:]
	}
	p.text += "=" + pattern
	return nil
}

// name is the name of the format, without its argument.
func (p *parse) name() string {
	name, _, _ := strings.Cut(p.text, "=")
	return name
}

// checkSettings refuses settings that the format does not use.
func (p *parse) checkSettings() error {
	for _, s := range []struct {
		flag  string
		given bool
		takes []string
	}{
		{"--fields", p.fields != "", []string{"delimited", "csv"}},
		{"--delimiter", p.delimiter != "", []string{"delimited", "csv"}},
		{"--header", p.header, []string{"csv"}},
		{"--types", p.types != "", []string{"csv", "regex", "logfmt"}},
	} {
		if s.given && slices.Contains(format.Names(), p.name()) && !slices.Contains(s.takes, p.name()) {
			return fault.Hint(fault.Usagef("%s is for %s, not for %s", s.flag, strings.Join(s.takes, " and "), p.name()), "leave it out")
		}
	}
	return nil
}

func (p *parse) readSettings() (err error) {
	p.options = format.Options{Comma: strings.ReplaceAll(p.delimiter, `\t`, "\t"), Header: p.header}
	if p.fields != "" {
		if p.options.Fields, err = format.ParseFields(p.fields); err != nil {
			return err
		}
	}
	if p.types != "" {
		if p.options.Types, err = format.ParseFields(p.types); err != nil {
			return err
		}
	}
	p.extracts = nil
	for _, text := range p.extract {
		e, err := format.ParseExtract(text)
		if err != nil {
			return err
		}
		p.extracts = append(p.extracts, e)
	}
	p.names, err = format.LookupSchema(p.schema)
	return err
}

// make returns the format whose times that name no zone are of zone.
func (p *parse) make(zone *time.Location) (format.Format, error) {
	o := p.options
	o.Zone = zone
	f, err := format.Lookup(p.text, o)
	if err != nil {
		return nil, err
	}
	return format.With(f, p.extracts, p.names)
}

// Files are the input files among the words.
func (p *parse) Files() []string { return p.files }

// Explain shows how the format reads the line of --explain. Times that name no
// zone are shown in UTC.
func (p *parse) Explain() (answer string, ok bool, err error) {
	if p.explain == "" {
		return "", false, nil
	}
	if p.name() != "access" && unsettled(p.format) != nil {
		return "", true, fault.Hint(fault.Usagef("parse: --explain: one line of %s does not tell the names of its fields", p.name()),
			"name them: parse csv --fields a,b:int --explain LINE")
	}
	return format.Explain(p.format, []byte(p.explain)).String(), true, nil
}
