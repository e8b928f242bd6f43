package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Pipeline is a list of parts that fit together.
type Pipeline struct{ Parts []Part }

// Settings fills the settings of a stage that its words did not name, from the
// environment and the configuration file. given are the names that they did.
type Settings func(set *option.Set, given []string) error

// Parse reads a pipeline text. name is that of the file it comes from, "" for
// an argument. settings may be nil. All errors are errors of usage.
func Parse(name, text string, settings Settings) (*Pipeline, error) {
	stages, err := lex(name, text)
	if err != nil {
		return nil, err
	}
	l := &lexer{name: name, src: text}
	p := &Pipeline{}
	for _, words := range stages {
		part, err := l.part(words, settings)
		if err != nil {
			return nil, err
		}
		p.Parts = append(p.Parts, part)
	}
	for i := range p.Parts {
		if err := p.fits(i); err != nil {
			return nil, l.placed(stages[i][0].at, err)
		}
	}
	if err := p.mark(); err != nil {
		return nil, l.placed(stages[len(stages)-1][0].at, err)
	}
	return p, nil
}

// part builds one stage.
func (l *lexer) part(words []word, settings Settings) (Part, error) {
	at := words[0].at
	if words[0].text == "logpipe" { // pasted from a shell
		if words = words[1:]; len(words) == 0 {
			return Part{}, fault.Hint(l.errorf(at, "logpipe without a command"), "name a stage: %s", strings.Join(Names(), ", "))
		}
	}
	c, ok := Lookup(words[0].text)
	if !ok {
		return Part{}, l.foreign(words[0])
	}
	texts := make([]string, len(words)-1)
	for i, w := range words[1:] {
		texts[i] = w.text
	}
	u := c.New()
	args, given, err := ParseOptions(&u.Settings, texts)
	if err == nil && settings != nil {
		err = settings(&u.Settings, given)
	}
	var part Part
	if err == nil {
		part, err = u.Build(args)
	}
	if err != nil {
		return Part{}, l.inStage(c.Name, words[0].at, err)
	}
	part.Words, part.At = texts, at
	return part, nil
}

// inStage says in which stage an error is.
func (l *lexer) inStage(name string, at int, err error) error {
	text := strings.TrimPrefix(err.Error(), name+": ")
	wrapped := l.placed(at, &stageError{name + ": " + text, err})
	if strings.HasPrefix(text, "unknown flag") && fault.HintOf(err) == "" {
		return fault.Hint(wrapped, "`logpipe help %s` lists its flags; flags of the whole run stand before the pipeline", name)
	}
	return wrapped
}

type stageError struct {
	text string
	err  error
}

func (e *stageError) Error() string { return e.text }
func (e *stageError) Unwrap() error { return e.err }

// foreign refuses a command that is no stage.
func (l *lexer) foreign(w word) error {
	names := Names()
	err := l.errorf(w.at, "%q is not a stage of logpipe", w.text)
	if near := option.Closest(w.text, names); near != "" {
		return fault.Hint(err, "did you mean %s?", near)
	}
	return fault.Hint(err, "run takes logpipe's own stages; for other programs use the pipe of the shell: logpipe … | %s …", Quote(w.text))
}

// mark makes the source write marks where the sink needs them.
func (p *Pipeline) mark() error {
	if s, ok := p.Sink().(Marked); !ok || !s.NeedsMarks() {
		return nil
	}
	source, ok := p.Source().(*consumeSource)
	if !ok && p.Source() == nil {
		return nil // standard input tells by itself
	}
	if !ok || source.o.Group == "" {
		return errUnmarked
	}
	source.marks = true
	return nil
}

// fits checks that part i may stand where it stands.
func (p *Pipeline) fits(i int) error {
	part, last := p.Parts[i], len(p.Parts)-1
	name := part.Command.Name
	switch {
	case part.Source != nil && i > 0:
		return fault.Hint(fault.Usagef("%s brings records in: it can only be the first stage", name),
			"begin the pipeline with it")
	case i == 0 && last > 0 && part.raw():
		return fault.Hint(fault.Usagef("%s: --format does not end a line, and the next stage reads lines", name), `write \n at its end; -J keeps values with newlines in one line`)
	case part.Sink != nil && i < last:
		return fault.Hint(fault.Usagef("%s takes records out: it can only be the last stage", name),
			"end the pipeline with it")
	case part.Answered && last > 0:
		return fault.Hint(fault.Usagef("--explain of %s answers a question and reads nothing", name),
			"use it alone: logpipe %s …", name)
	case len(part.Files) > 0 && i > 0:
		return fault.Hint(fault.Usagef("%s reads what the stage before it writes, not %s", name, part.Files[0]),
			"name files in the first stage, or behind the pipeline")
	case i > 0 && p.Parts[i-1].Command.Text && part.Stage != nil && part.Stage.Input() == stream.Objects:
		before := p.Parts[i-1].Command.Name
		return fault.Hint(fault.Usagef("%s reads records, but %s writes text for people", name, before),
			"put %s last", before)
	}
	return nil
}

// raw tells whether the source of a part writes what is no lines.
func (p Part) raw() bool {
	s, ok := p.Source.(*consumeSource)
	return ok && s.format.raw
}

// Single is the pipeline of one part.
func Single(part Part) *Pipeline {
	if _, ok := part.Source.(interface{ Exact() }); ok {
		part.Stage = exact{}
	}
	return &Pipeline{Parts: []Part{part}}
}

// Source is the pipeline's own source, or nil where it reads files or standard input.
func (p *Pipeline) Source() Source { return p.Parts[0].Source }

// Sink is the pipeline's own sink, or nil where it writes to standard output.
func (p *Pipeline) Sink() Sink { return p.Parts[len(p.Parts)-1].Sink }

// Stages are the operators between source and sink.
func (p *Pipeline) Stages() []stream.Stage {
	var list []stream.Stage
	for _, part := range p.Parts {
		if part.Stage != nil {
			list = append(list, part.Stage)
		}
	}
	return list
}

// Holds reports whether a stage keeps records back, so that the end of a record
// in the pipeline does not say that its part of the output is out.
func (p *Pipeline) Holds() bool { return slices.ContainsFunc(p.Parts, Part.Holds) }

// Holds reports whether the part is a stage that keeps records back.
func (p Part) Holds() bool {
	_, parallel := p.Stage.(stream.Parallel)
	_, passes := p.Stage.(stream.Passer)
	return p.Stage != nil && !parallel && !passes
}

// Files are the input files that the first stage names.
func (p *Pipeline) Files() []string { return p.Parts[0].Files }

// Shell writes the pipeline as a line for the shell: a process per stage. The
// files are given to the first stage; shared are words added to every stage.
func (p *Pipeline) Shell(files, shared []string) string {
	var stages []string
	for i, part := range p.Parts {
		words := append([]string{"logpipe", part.Command.Name}, shared...)
		words = append(words, part.Words...)
		if i == 0 && len(files) > 0 {
			if part.Command.New().ReadsFiles() {
				words = append(words, endOptions(part.Words, files)...)
			} else {
				reader := append([]string{"logpipe", "parse", "json"}, shared...)
				stages = append(stages, quoteAll(append(reader, endOptions(nil, files)...)))
			}
		}
		stages = append(stages, quoteAll(words))
	}
	return strings.Join(stages, " | ")
}

// endOptions puts -- before files that would be taken for options.
func endOptions(before, files []string) []string {
	dashed := slices.ContainsFunc(files, func(f string) bool { return len(f) > 1 && f[0] == '-' })
	if dashed && !slices.Contains(before, "--") {
		return append([]string{"--"}, files...)
	}
	return files
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// Explain describes how the pipeline would run with so many workers: what runs
// on all cores, what in order, and what depends on the clock.
func (p *Pipeline) Explain(input, output string, workers int) string {
	var b strings.Builder
	line := func(name, how string) { fmt.Fprintf(&b, "%-12s %s\n", name, fault.Visible(how)) }
	if s := p.Source(); s != nil {
		line(p.Parts[0].Command.Name, clocked("source", s))
	} else {
		line("input", input)
	}
	n, beside := -1, stream.Spread(p.Stages())
	for _, part := range p.Parts {
		if part.Stage != nil {
			n++
		}
		if part.Stage == nil || part.Source != nil || part.Sink != nil {
			continue
		}
		how := "in input order, on one core"
		_, fold := part.Stage.(stream.Fold)
		switch {
		case n < beside:
			how = fmt.Sprintf("block by block on %s, output in input order", cores(workers))
		case n == beside && fold:
			how = fmt.Sprintf("a table per worker on %s, merged; rows in order", cores(workers))
		case fold:
			how = "a table on one core; rows in order"
		}
		line(part.Command.Name, clocked(how, part.Stage))
	}
	if p.Sink() != nil {
		line(p.Parts[len(p.Parts)-1].Command.Name, "sink")
	} else {
		line("output", output)
	}
	return b.String()
}

func cores(workers int) string {
	if workers == 1 {
		return "1 core"
	}
	return fmt.Sprintf("%d cores", workers)
}

func clocked(how string, part any) string {
	if c, ok := part.(Clocked); ok && c.UsesClock() {
		return how + "; depends on the clock: a replay gives other results"
	}
	return how
}
