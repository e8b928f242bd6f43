package catalog

import (
	"regexp"
	"strings"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// recordFilter chooses records by what they hold. All that is asked has to be
// so.
type recordFilter struct {
	keys    []string // patterns, one of which has to fit
	headers []string // NAME or NAME=PATTERN, all of which have to fit
	grep    string

	key    []*regexp.Regexp
	header []headerFilter
	value  *regexp.Regexp
}

type headerFilter struct {
	name  string
	value *regexp.Regexp // nil = any, null too
}

func (f *recordFilter) options(s *option.Set) {
	s.Repeated(&f.keys, "key", "only records whose key fits this `pattern`: * is any text, ? any character; may be repeated, one has to fit")
	s.Repeated(&f.headers, "header", "only records with this header, `NAME` or NAME=PATTERN; may be repeated, all have to fit")
	s.String(&f.grep, "grep", "", "only records in whose value this regular `expression` is found")
}

// build makes the filter ready, or nil where nothing is asked.
func (f *recordFilter) build() (*recordFilter, error) {
	if len(f.keys)+len(f.headers) == 0 && f.grep == "" {
		return nil, nil
	}
	for _, text := range f.keys {
		f.key = append(f.key, globbed(text))
	}
	for _, text := range f.headers {
		name, pattern, valued := strings.Cut(text, "=")
		h := headerFilter{name: name}
		if valued {
			h.value = globbed(pattern)
		}
		f.header = append(f.header, h)
	}
	if f.grep != "" {
		var err error
		if f.value, err = regexp.Compile(f.grep); err != nil {
			return nil, fault.Usagef("consume: --grep: %w", err)
		}
	}
	return f, nil
}

// globbed compiles a pattern of * and ?.
func globbed(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text)
	return regexp.MustCompile(`(?s)^` + text + `$`) // what is quoted compiles
}

func (f *recordFilter) keeps(r *kafka.Record) bool {
	if len(f.key) > 0 {
		fits := false
		for _, re := range f.key {
			fits = fits || r.Key != nil && re.Match(r.Key)
		}
		if !fits {
			return false
		}
	}
	for _, h := range f.header {
		if !h.in(r.Headers) {
			return false
		}
	}
	return f.value == nil || f.value.Match(r.Value)
}

func (h headerFilter) in(list []kafka.Header) bool {
	for _, have := range list {
		if have.Key == h.name && (h.value == nil || have.Value != nil && h.value.Match(have.Value)) {
			return true
		}
	}
	return false
}

// filter is the records that are kept, in the same place.
func (f *recordFilter) filter(records []kafka.Record) []kafka.Record {
	kept := make([]kafka.Record, 0, len(records))
	for i := range records {
		if f.keeps(&records[i]) {
			kept = append(kept, records[i])
		}
	}
	return kept
}

// passed keeps in order what a group may commit where some batches hold nothing
// that is wanted: such a batch is done when all before it in its partition are.
type passed struct {
	mu    sync.Mutex
	open  map[place]int         // batches on their way
	after map[place]kafka.Batch // the last unwanted one behind them
}

// begun notes a batch that goes out.
func (p *passed) begun(b kafka.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{b.Topic, b.Partition}
	p.open[at]++
	delete(p.after, at) // its own end is further on
}

// unwanted notes a batch without any record that is wanted, and tells whether it
// is done.
func (p *passed) unwanted(b kafka.Batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{b.Topic, b.Partition}
	if p.open[at] == 0 {
		return true
	}
	p.after[at] = b.Last()
	return false
}

// ended notes a batch that is through, whole or not, and returns the unwanted
// one that is done with it.
func (p *passed) ended(b kafka.Batch, whole bool) (next kafka.Batch, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{b.Topic, b.Partition}
	p.open[at]--
	if p.open[at] > 0 || !whole {
		return next, false
	}
	next, ok = p.after[at]
	delete(p.after, at)
	return next, ok
}
