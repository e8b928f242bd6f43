package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

const (
	shownRejects  = 5  // told one by one; the others are counted by reason
	shownReasons  = 5  // of the counts
	keptReasons   = 64 // counted apart
	excerptLength = 60 // characters of a line that are shown
)

// rejects reports records that were refused.
type rejects struct {
	app     *App
	stop    bool
	file    io.Writer // --on-error file=F
	told    int
	reasons map[string]int64
	others  int64  // rejections for reasons beyond keptReasons
	hinted  string // the hint told last
}

func newRejects(a *App, files stream.Files) (*rejects, error) {
	r := &rejects{app: a, reasons: make(map[string]int64)}
	switch how := a.Shared.OnError; {
	case how == "stop":
		r.stop = true
	case strings.HasPrefix(how, "file="):
		var err error
		if r.file, err = files.Append(how[len("file="):]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// add is the OnReject of a run.
func (r *rejects) add(j stream.Rejection) error {
	if j.Late {
		return nil // counted, and kept by the stage that knows windows
	}
	if r.stop {
		return fault.Hint(errors.New(r.text(j)), "%s", r.hint(j))
	}
	if r.file != nil && j.Line != nil {
		if _, err := r.file.Write(append(slices.Clip(j.Line), '\n')); err != nil {
			return fmt.Errorf("--on-error: %w", err)
		}
	}
	r.count(j)
	if r.told < shownRejects && !r.app.Shared.Quiet {
		r.told++
		r.app.Say("%s", r.text(j))
		if hint := r.hint(j); hint != "" {
			r.app.Hint("%s", hint)
		}
	}
	return nil
}

// hint is the next step for who has given j, told once: what the error says, and
// where the input begins with a line that is no record, what reads such lines.
func (r *rejects) hint(j stream.Rejection) string {
	err := j.Err
	var syntax *record.SyntaxError
	if j.Num == 1 && j.Stage == "" && errors.As(err, &syntax) {
		err = op.NoRecord(j.Line, err)
	}
	hint := fault.HintOf(err)
	if hint == r.hinted {
		return ""
	}
	r.hinted = hint
	return hint
}

// text is the report of one record: place, stage, reason and the line's begin.
func (r *rejects) text(j stream.Rejection) string {
	name := j.Name
	if name == "" {
		name = "stdin"
	}
	text := fmt.Sprintf("%s:%d: ", fault.Visible(name), j.Num)
	if j.Num == 0 { // the record was made of several lines
		text = ""
	}
	if j.Stage != "" && j.Stage != *r.app.command.Load() {
		text += j.Stage + ": "
	}
	text += fault.Visible(j.Err.Error())
	if len(j.Line) > 0 {
		text += ": " + excerpt(j.Line)
	}
	return text
}

// excerpt shows the begin of a line, quoted, with what is not text escaped.
func excerpt(line []byte) string {
	cut := line
	if len(cut) > 4*excerptLength {
		cut = cut[:4*excerptLength]
	}
	var b strings.Builder
	n := 0
	for len(cut) > 0 && n < excerptLength {
		c, size := utf8.DecodeRune(cut)
		if c == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, cut[0])
			n += 4
		} else {
			q := strconv.QuoteRune(c)
			q = q[1 : len(q)-1]
			if c == '\'' {
				q = "'"
			}
			b.WriteString(q)
			n += utf8.RuneCountInString(q)
		}
		cut = cut[size:]
	}
	if b.Len() > 0 && (len(cut) > 0 || len(line) > 4*excerptLength) {
		b.WriteString("…")
	}
	return "`" + b.String() + "`"
}

func (r *rejects) count(j stream.Rejection) {
	reason := reasonOf(j.Err)
	if _, ok := r.reasons[reason]; !ok && len(r.reasons) >= keptReasons {
		r.others++
		return
	}
	r.reasons[reason]++
}

// Reasoned is an error that names its kind, without what belongs to one record.
type Reasoned interface{ Reason() string }

// exampleWords stand before an example in what an error wants.
const exampleWords = "such as "

// reasonOf is the text by which rejections are counted: quoted parts and
// numbers, which differ from record to record, are left out; those of an example
// ("such as …") do not.
func reasonOf(err error) string {
	var named Reasoned
	if errors.As(err, &named) {
		return named.Reason()
	}
	text := err.Error()
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"' || c == '`':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return b.String() + "…"
			}
			b.WriteString("…")
			i += end + 2
		case strings.HasPrefix(text[i:], exampleWords):
			n := len(exampleWords)
			n += max(strings.IndexAny(text[i+n:]+" ", " ,;"), 0)
			b.WriteString(text[i : i+n])
			i += n
		case c >= '0' && c <= '9':
			b.WriteByte('N')
			for i < len(text) && text[i] >= '0' && text[i] <= '9' {
				i++
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// summary tells the counts by reason where not every record was told.
func (r *rejects) summary() {
	total := r.others
	for _, n := range r.reasons {
		total += n
	}
	if total <= int64(r.told) || r.app.Shared.Quiet {
		return
	}
	list := slices.SortedFunc(maps.Keys(r.reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.reasons[b], r.reasons[a]), cmp.Compare(a, b))
	})
	var parts []string
	rest := total
	for _, reason := range list[:min(len(list), shownReasons)] {
		parts = append(parts, fmt.Sprintf("%s × %s", Count(r.reasons[reason]), reason))
		rest -= r.reasons[reason]
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%s × other reasons", Count(rest)))
	}
	r.app.Say("rejected %s: %s", Count(total), strings.Join(parts, "; "))
}

// strict is the error of --strict for a run with these counts.
func strict(l stream.Ledger) error {
	if l.Gaps != "" {
		return fault.With(fault.Rejected, fmt.Errorf("--strict: the records do not add up: %s", l.Gaps))
	}
	if l.Rejected == 0 && l.Late == 0 && l.Values == 0 {
		return nil
	}
	text := fmt.Sprintf("--strict: %s rejected, %s late", Count(l.Rejected), Count(l.Late))
	if l.Values > 0 {
		text += fmt.Sprintf(", %s values left out", Count(l.Values))
	}
	return fault.With(fault.Rejected, errors.New(text))
}
