package op

import (
	"os"
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Top is the operator that ranks records.
var Top = Definition{
	Name:  "top",
	Usage: "top [N] [--by FIELD] [--per FIELDS] [--key FIELDS] [--every 2s]",
	Short: "rank the N records (10) with the greatest value of a field",
	Long: `--by defaults to the last numeric field of the first record. --per ranks within
each group of equal FIELDS. Greatest means last in the order of sort; ties go to
the lesser --key, then to the lesser fields in the order of the record. A record
without the field is rejected, a null ranks last. Rows leave ordered by their
group and rank.

Windows rank each by itself: records with window_end and window_start (times in
RFC 3339, as aggregate writes them) are complete when a record of a later window
begins or input ends. The same holds for emitted, the time that a running
aggregate writes into the rows of one emission. A record of a window before the
one at hand is late. All other input is complete at its end.

--key tells which records are states of one thing: only the last one of equal
FIELDS counts. It needs memory for every key; without it top keeps N records a
group.

On a terminal top draws a table that it refreshes --every so often; q or Ctrl-C
ends it, and its last state stays. Elsewhere it prints records with rank added.`,
	Examples: []Example{{
		Command: `printf '{"page":"a","hits":3}\n{"page":"b","hits":9}\n{"page":"c","hits":5}\n' | logpipe top 2 --by hits`,
		Output: `{"page":"b","hits":9,"rank":1}
{"page":"c","hits":5,"rank":2}
`,
	}, {
		Note:    "The first of every course",
		Command: `printf '{"course":"go","page":"a","hits":3}\n{"course":"sql","page":"b","hits":9}\n{"course":"go","page":"c","hits":5}\n' | logpipe top 1 --by hits --per course`,
		Output: `{"course":"go","page":"c","hits":5,"rank":1}
{"course":"sql","page":"b","hits":9,"rank":1}
`,
	}, {
		Note:    "Each window by itself",
		Command: `printf '{"window_end":"2026-05-01T10:01:00Z","page":"a","hits":3}\n{"window_end":"2026-05-01T10:01:00Z","page":"b","hits":4}\n{"window_end":"2026-05-01T10:02:00Z","page":"a","hits":1}\n' | logpipe top 1`,
		Output: `{"window_end":"2026-05-01T10:01:00Z","page":"b","hits":4,"rank":1}
{"window_end":"2026-05-01T10:02:00Z","page":"a","hits":1,"rank":1}
`,
	}},
	New: func() Builder { return new(ranking) },
}

// ranking is the stage.
type ranking struct {
	n         int
	by        string
	perNames  []string
	keyNames  []string
	every     time.Duration
	byField   *record.Field // nil: chosen by the first record
	per, key  []*record.Field
	concludes bool
}

func (s *ranking) Options(o *option.Set) {
	o.String(&s.by, "by", "", "rank by `FIELD`, the greatest first (default: the last numeric field of the first record)").Field = true
	o.Strings(&s.perNames, "per", "rank within each group of equal `FIELDS`").Field = true
	o.Strings(&s.keyNames, "key", "`FIELDS` that name what a record is a state of: the last one counts").Field = true
	o.Duration(&s.every, "every", 2*time.Second, "how often the table on a terminal is refreshed")
}

func (s *ranking) Build(args []string) (stream.Stage, error) {
	s.n = 10
	if len(args) > 1 {
		return nil, fault.Hint(fault.Usagef("top takes one number, not %d words", len(args)), "top 5 --by count --per country")
	}
	if len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return nil, fault.Hint(fault.Usagef("top: want a number of records from 1, not %q", args[0]), "a field is named with --by")
		}
		s.n = n
	}
	if s.every <= 0 {
		return nil, fault.Usagef("top: --every must be more than nothing")
	}
	var err error
	s.byField = nil
	if s.by != "" {
		if s.byField, err = record.NewField(s.by); err != nil {
			return nil, fault.Usagef("top: --by: %w", err)
		}
	}
	if s.per, err = fieldList("--per", s.perNames); err != nil {
		return nil, err
	}
	if s.key, err = fieldList("--key", s.keyNames); err != nil {
		return nil, err
	}
	if s.byField != nil && len(s.key) == 0 {
		return unorderedRanking{s}, nil
	}
	return s, nil
}

// unorderedRanking is a ranking in which neither the first record chooses the
// field nor the last one of a key counts: within a window, ties are broken by
// content.
type unorderedRanking struct{ *ranking }

// AnyOrder says that the order of the input does not matter.
func (unorderedRanking) AnyOrder() {}

// Limit says which rows of an aggregate can rank at all.
func (s unorderedRanking) Limit() (field string, n int, ok bool) {
	return s.byField.String(), s.n, len(s.per) == 0
}

func fieldList(flag string, names []string) ([]*record.Field, error) {
	var list []*record.Field
	for _, name := range names {
		f, err := record.NewField(name)
		if err != nil {
			return nil, fault.Usagef("top: %s: %w", flag, err)
		}
		list = append(list, f)
	}
	return list, nil
}

// Name is "top".
func (s *ranking) Name() string { return "top" }

// Input is objects.
func (s *ranking) Input() stream.Input { return stream.Objects }

// RanksWindows tells that it holds the rows of one window where those that come have
// windows.
func (s *ranking) RanksWindows() bool { return true }

// Concluder is a stage that behaves otherwise when it ends a pipeline whose
// standard output is a terminal: it draws there itself. Conclude tells it so,
// before the run.
type Concluder interface{ Conclude() }

// Conclude makes top draw a live table where Stdout is a terminal.
func (s *ranking) Conclude() { s.concludes = true }

// Serial ranks in input order.
func (s *ranking) Serial(env *stream.Env) (stream.Operator, error) {
	o := &ranker{n: s.n, env: env, per: cloneFields(s.per), windows: newWindowOrder(), again: keptWindows{until: stream.MinTime}, groups: make(map[string]*rankGroup),
		scanner: record.NewScanner(), out: stream.NewBatch(), cand: rankScratch{key: cloneFields(s.key)}}
	if s.byField != nil {
		o.by = s.byField.Clone()
	}
	if len(s.key) > 0 {
		o.rows = make(map[string]*rankEntry)
	}
	if s.concludes && env.Terminal && os.Getenv("TERM") != "dumb" {
		return newLiveTop(o, s.every, env), nil
	}
	return o, nil
}
