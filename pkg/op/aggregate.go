package op

import (
	"io"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/window"
)

// Aggregate is the operator that counts and sums records by group and window.
var Aggregate = Definition{
	Name:  "aggregate",
	Usage: "aggregate [--by FIELDS] [--window DURATION] [AGG...]",
	Short: "count, sum and rank records by group, for ever or by window",
	Long:  aggregateLong(),
	Examples: []Example{{
		Note: "heat of two pages",
		Command: `printf '%s\n' '{"page":"a","clicks":1,"minutes":0.5,"like":1}' '{"page":"b","clicks":2}' '{"page":"a","clicks":3,"minutes":1,"like":0}' \
  | logpipe aggregate --by page count 'heat=sum(0.8*clicks+0.8*minutes+like)'`,
		Output: "{\"page\":\"a\",\"count\":2,\"heat\":5.4}\n{\"page\":\"b\",\"count\":1,\"heat\":null}\n",
	}, {
		Note: "requests per minute; a window is printed when it ends",
		Command: `printf '%s\n' '{"time":"2026-03-01T10:00:05Z"}' '{"time":"2026-03-01T10:00:59Z"}' '{"time":"2026-03-01T10:01:00Z"}' \
  | logpipe aggregate --window 1m count`,
		Output: "{\"window_start\":\"2026-03-01T10:00:00Z\",\"window_end\":\"2026-03-01T10:01:00Z\",\"count\":2}\n" +
			"{\"window_start\":\"2026-03-01T10:01:00Z\",\"window_end\":\"2026-03-01T10:02:00Z\",\"count\":1}\n",
	}, {
		Note:    "exact quantiles and different values",
		Command: `printf '{"ms":%d}\n' 5 1 9 5 | logpipe aggregate 'p50(ms)' 'p99(ms)' 'distinct(ms)' 'avg(ms)'`,
		Output:  "{\"p50_ms\":5,\"p99_ms\":9,\"distinct_ms\":3,\"avg_ms\":5}\n",
	}},
	New: func() Builder { return new(aggregate) },
}

func aggregateLong() string {
	var b strings.Builder
	b.WriteString(`Rows leave ordered by window and group. Without --window they leave at the
end of the input, or every so often with --emit every=2s. With --window a row
leaves when the watermark, the largest event time so far less --lateness, has
passed the end of its window; a record that comes later than that is late: it
is counted, and --late file=F keeps it. Windows are cut in UTC: where those of
a day do not fit --tz they are refused, and trunc_time gives days to group by.
Windows that begin every 1w, or several, begin on Mondays, as in trunc_time.

AGG is FUNCTION(EXPR) or NAME=FUNCTION(EXPR); without any it is count. Null
values count for nothing; values of a wrong type are counted and told. Groups and
distinct values are equal by value: 1, 1.0 and 1e0 are one, "a" and "\u0061" too;
arrays and objects are equal where their JSON text is.
`)
	for _, f := range aggregateFunctions {
		if f.help != "" {
			b.WriteString("\n    " + f.help)
		}
	}
	return b.String()
}

// aggregate is the stage; its fields are the settings.
type aggregate struct {
	by       []string
	window   time.Duration
	slide    time.Duration
	lateness time.Duration
	time     string
	format   string
	late     string
	emit     string

	keys    []*record.Field
	plan    *aggregatePlan
	windows window.Windows
	every   time.Duration // of --emit every=
}

// Options declares the settings.
func (a *aggregate) Options(s *option.Set) {
	s.Repeated(&a.by, "by", "group by these `FIELDS`, separated by commas").Field = true
	s.Span(&a.window, "window", "length of a window of event time")
	s.Span(&a.slide, "slide", "a window begins every `DURATION`; default: --window")
	s.Duration(&a.lateness, "lateness", 0, "how long to wait for records that come out of order")
	s.String(&a.time, "time", "", "event time `FIELD`, or now for the time of arrival; default: time, @timestamp, timestamp or ts").Field = true
	s.String(&a.format, "time-format", "", "strftime or Go `LAYOUT` of the event time")
	s.String(&a.late, "late", "drop", "what to do with late records: drop or file=`F`")
	s.String(&a.emit, "emit", "final", "when rows leave: final, or every=`2s` for a running aggregate without windows")
}

// Build reads the AGG words.
func (a *aggregate) Build(args []string) (stream.Stage, error) {
	var err error
	if a.plan, err = parseAggregates(args); err != nil {
		return nil, err
	}
	for _, list := range a.by {
		for _, name := range splitFields(list) {
			f, err := record.NewField(name)
			if err != nil {
				return nil, fault.Usagef("--by %s: %w", list, err)
			}
			a.keys = append(a.keys, f)
		}
	}
	if err := a.checkNames(); err != nil {
		return nil, err
	}
	if err := a.checkWindows(); err != nil {
		return nil, err
	}
	return a, a.checkEmit()
}

// checkNames refuses two result fields of one name.
func (a *aggregate) checkNames() error {
	seen := map[string]string{}
	if a.window > 0 {
		seen["window_start"], seen["window_end"] = "the window", "the window"
	}
	for _, k := range a.keys {
		if seen[k.String()] != "" {
			return fault.Usagef("--by names %s twice", k)
		}
		seen[k.String()] = "--by"
	}
	for _, c := range a.plan.calls {
		if by := seen[c.name]; by != "" {
			return fault.Hint(fault.Usagef("%s has a field %s and a result %s", by, c.name, c.name), "name the result: other=…")
		}
	}
	return nil
}

func (a *aggregate) checkWindows() error {
	if a.window == 0 {
		for flag, set := range map[string]bool{"--slide": a.slide != 0, "--lateness": a.lateness != 0, "--late": a.late != "drop"} {
			if set {
				return fault.Usagef("%s needs --window", flag)
			}
		}
		return nil
	}
	w, err := window.New(a.window, a.slide)
	if err != nil {
		return fault.Usagef("%w", err)
	}
	if a.lateness < 0 {
		return fault.Usagef("--lateness cannot be negative")
	}
	a.windows = w
	if file, ok := strings.CutPrefix(a.late, "file="); a.late != "drop" && (!ok || file == "") {
		return fault.Usagef("--late: want drop or file=NAME, not %q", a.late)
	}
	return nil
}

func (a *aggregate) checkEmit() error {
	if a.emit == "final" {
		return nil
	}
	text, ok := strings.CutPrefix(a.emit, "every=")
	if !ok {
		return fault.Usagef("--emit: want final or every=2s, not %q", a.emit)
	}
	d, err := option.ParseDuration(text)
	if err != nil || d < 10*time.Millisecond {
		return fault.Usagef("--emit every=%s: want a duration of 10ms or more", text)
	}
	if a.window > 0 {
		return fault.Hint(fault.Usagef("--emit every= is for an aggregate without windows"), "drop --window, or use a shorter one")
	}
	a.every = d
	return nil
}

// Name is "aggregate".
func (a *aggregate) Name() string { return "aggregate" }

// Input is objects.
func (a *aggregate) Input() stream.Input { return stream.Objects }

// UsesClock tells that the result depends on when records come.
func (a *aggregate) UsesClock() bool { return a.time == "now" || a.every > 0 || a.plan.usesClock() }

// HoldsWindows tells that what it holds are windows of event time alone: marks pass
// when the rows of the records before them are out.
func (a *aggregate) HoldsWindows() bool { return a.window > 0 && !a.UsesClock() }

func (p *aggregatePlan) usesClock() bool {
	for _, e := range p.inputs {
		if e.UsesClock() {
			return true
		}
	}
	return false
}

// Fold makes the folder.
func (a *aggregate) Fold(env *stream.Env) (stream.Folder, error) {
	clock, err := newEventTime(a.time, a.format, env.Location)
	if err != nil {
		return nil, err
	}
	f := &fold{spec: a, env: env, makers: a.plan.makers(), clock: clock}
	f.rows = newRows(f)
	if a.window == 0 {
		return f.running(), nil
	}
	if !a.windows.Cuts(env.Location) {
		err := fault.Usagef("windows that begin every %s are cut in UTC and do not fit the clocks of %s",
			option.FormatDuration(time.Duration(a.windows.Slide)), env.Location)
		return nil, fault.Hint(err, "set 'day=trunc_time(time, \"1d\")' | aggregate --by day counts the days of --tz; --tz UTC has windows of UTC")
	}
	var late io.Writer
	if name, ok := strings.CutPrefix(a.late, "file="); ok {
		if late, err = env.Files.Append(name); err != nil {
			return nil, err
		}
	}
	w := &windowFold{fold: f, late: late, arrival: a.time == "now"}
	if w.arrival {
		return &arrivalFold{w}, nil
	}
	return w, nil
}

func (f *fold) running() stream.Folder {
	g := &groupFold{fold: f}
	if f.spec.every > 0 {
		return &tickingGroupFold{groupFold: g}
	}
	return g
}

// fold is what folds with and without windows share.
type fold struct {
	spec   *aggregate
	env    *stream.Env
	makers []func() state.Column
	clock  *eventTime
	rows   *rows
}

// programs compiles the inputs for a worker.
func (f *fold) programs() []*expr.Program {
	list := make([]*expr.Program, len(f.spec.plan.inputs))
	for i, e := range f.spec.plan.inputs {
		list[i] = e.Compile(expr.Env{Now: f.env.Now, Location: f.env.Location})
	}
	return list
}

// splitFields cuts a list at commas that are not inside brackets.
func splitFields(s string) []string {
	var list []string
	depth, from := 0, 0
	for i, c := range s {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth <= 0:
			list = append(list, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(list, strings.TrimSpace(s[from:]))
}
