package op

import (
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/expr"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

// aggregateFunction is one of the functions of aggregate.
type aggregateFunction struct {
	name string
	help string
	bare bool // may stand without an argument
	// column names the accumulator, which functions over one argument share.
	column string
	result func(c state.Column, g uint32, a *aggregateCall) record.Value
}

// aggregateCall is one use of a function.
type aggregateCall struct {
	name     string // of the result field
	function *aggregateFunction
	input    int // index of the argument among the inputs, -1 without one
	column   int // index of the column
	num, den int64
	k        int
}

var aggregateFunctions = []aggregateFunction{
	{"count", "count, count(x): records, or those where x is not null", true, "count",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value { return c.(*state.Count).Result(g) }},
	{"sum", "sum(x): exact, rounded once", false, "sum",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value { return c.(*state.Sum).Result(g) }},
	{"avg", "avg(x): mean of the exact sum", false, "mean",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value { return c.(*state.Moments).Mean(g) }},
	{"stddev", "stddev(x): sample standard deviation, from exact sums", false, "deviation",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value { return c.(*state.Moments).Deviation(g) }},
	{"min", "min(x), max(x): least and greatest value, of any type", false, "min", extreme},
	{"max", "", false, "max", extreme},
	{"first", "first(x), last(x): by event time, then by position in the input", false, "first", extreme},
	{"last", "", false, "last", extreme},
	{"distinct", "distinct(x): number of different values, exact", false, "numbers",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value { return c.(*state.Numbers).Distinct(g) }},
	{"p", "p50(x), p95(x), p99.9(x), median(x): exact quantile, the float64 at rank ceil(p/100*n)", false, "numbers",
		func(c state.Column, g uint32, a *aggregateCall) record.Value {
			return c.(*state.Numbers).Quantile(g, a.num, a.den)
		}},
	{"approx_distinct", "approx_distinct(x): HyperLogLog, standard error 0.8 %, exact up to 1,024", false, "hyperloglog",
		func(c state.Column, g uint32, _ *aggregateCall) record.Value {
			return c.(*state.ApproxDistinct).Result(g)
		}},
	{"approx_p", "approx_p99(x): quantile within 1 %, in little memory", false, "buckets",
		func(c state.Column, g uint32, a *aggregateCall) record.Value {
			return c.(*state.ApproxQuantiles).Result(g, a.num, a.den)
		}},
	{"topk", "topk(x,3): the most frequent values with their counts", false, "topk",
		func(c state.Column, g uint32, a *aggregateCall) record.Value { return c.(*state.TopK).Result(g, a.k) }},
}

func extreme(c state.Column, g uint32, _ *aggregateCall) record.Value {
	return c.(*state.Extreme).Result(g)
}

// aggregatePlan is what the AGG words ask for: arguments evaluated once each,
// columns shared by the functions that can share them.
type aggregatePlan struct {
	calls    []aggregateCall
	inputs   []*expr.Expr
	columns  []aggregateColumn
	needTime bool // first or last
}

type aggregateColumn struct {
	kind     string
	input    int
	distinct bool
	ranked   bool
}

func parseAggregates(words []string) (*aggregatePlan, error) {
	p := &aggregatePlan{}
	if len(words) == 0 {
		words = []string{"count"}
	}
	seen := make(map[string]bool)
	for _, w := range words {
		c, err := p.call(w)
		if err != nil {
			return nil, err
		}
		if seen[c.name] {
			_, function, named := expr.SplitAssign(w)
			if !named {
				function = w
			}
			return nil, fault.Hint(fault.Usagef("two results are called %s", c.name), "name one of them: 'NAME=%s'", strings.TrimSpace(function))
		}
		seen[c.name] = true
		p.calls = append(p.calls, c)
	}
	return p, nil
}

// call reads `[NAME=]FUNCTION[(EXPR[,K])]`.
func (p *aggregatePlan) call(word string) (aggregateCall, error) {
	name, rest, named := expr.SplitAssign(word)
	if !named {
		rest = word
	}
	rest = strings.TrimSpace(rest)
	fname, arg, called := strings.Cut(rest, "(")
	fname = strings.TrimSpace(fname)
	if called {
		if !strings.HasSuffix(arg, ")") {
			return aggregateCall{}, fault.Usagef("aggregate %q: no closing parenthesis", word)
		}
		arg = strings.TrimSpace(arg[:len(arg)-1])
	}
	c := aggregateCall{name: name, input: -1}
	if err := c.find(fname); err != nil {
		return c, err
	}
	if arg == "" && !c.function.bare {
		return c, fault.Hint(fault.Usagef("aggregate %q: %s needs an argument", word, fname), "%s(field)", fname)
	}
	if c.function.name == "topk" {
		var err error
		if arg, err = c.cutK(arg); err != nil {
			return c, err
		}
	}
	return c, p.bind(&c, fname, arg, named)
}

// bind resolves the argument, the default name and the column of c.
func (p *aggregatePlan) bind(c *aggregateCall, fname, arg string, named bool) error {
	if arg != "" {
		e, err := expr.Parse(arg)
		if err != nil {
			return err
		}
		c.input = p.inputOf(e)
		if f, ok := e.Field(); ok && !named {
			c.name = fname + "_" + f.String()
		} else if !named {
			return fault.Hint(fault.Usagef("%s(%s) needs a name", fname, arg), "write 'NAME=%s(%s)'", fname, arg)
		}
	} else if !named {
		c.name = fname
	}
	if c.function.name == "first" || c.function.name == "last" {
		p.needTime = true
	}
	c.column = p.columnOf(c)
	return nil
}

func (p *aggregatePlan) inputOf(e *expr.Expr) int {
	for i, x := range p.inputs {
		if x.String() == e.String() {
			return i
		}
	}
	p.inputs = append(p.inputs, e)
	return len(p.inputs) - 1
}

func (p *aggregatePlan) columnOf(c *aggregateCall) int {
	kind := c.function.column
	at := -1
	for i, col := range p.columns {
		if col.kind == kind && col.input == c.input {
			at = i
		}
	}
	if at < 0 {
		at = len(p.columns)
		p.columns = append(p.columns, aggregateColumn{kind: kind, input: c.input})
	}
	switch c.function.name {
	case "distinct":
		p.columns[at].distinct = true
	case "p":
		p.columns[at].ranked = true
	}
	return at
}

// find looks the function up, with the number of a quantile in its name.
func (c *aggregateCall) find(name string) error {
	if name == "median" {
		name = "p50"
	}
	for i := range aggregateFunctions {
		f := &aggregateFunctions[i]
		if f.name == name && f.name != "p" && f.name != "approx_p" {
			c.function = f
			return nil
		}
		if f.name != "p" && f.name != "approx_p" {
			continue
		}
		if digits, ok := strings.CutPrefix(name, f.name); ok {
			if num, den, ok := percent(digits); ok {
				c.function, c.num, c.den = f, num, den
				return nil
			}
		}
	}
	return unknownFunction(name)
}

// unknownFunction says what was most likely meant, else what there is.
func unknownFunction(name string) error {
	err := fault.Usagef("no aggregate function is called %q", name)
	shown := map[string]string{"p": "p50 … p99.9", "approx_p": "approx_p50 … approx_p99.9"}
	words := []string{"median", "p50", "p90", "p95", "p99", "approx_p50", "approx_p90", "approx_p95", "approx_p99"}
	var list []string
	for _, f := range aggregateFunctions {
		if shown[f.name] != "" {
			list = append(list, shown[f.name])
			continue
		}
		list, words = append(list, f.name), append(words, f.name)
	}
	if near := option.Closest(strings.ToLower(name), words); near != "" {
		return fault.Hint(err, "did you mean %s?", near)
	}
	if other := otherAggregates[strings.ToLower(name)]; other != "" {
		return fault.Hint(err, "did you mean %s?", other)
	}
	return fault.Hint(err, "there are %s", strings.Join(list, ", "))
}

// otherAggregates are what functions are called elsewhere.
var otherAggregates = map[string]string{
	"mean": "avg", "average": "avg", "total": "sum", "std": "stddev", "stdev": "stddev", "stddev_samp": "stddev",
	"nunique": "distinct", "count_distinct": "distinct", "approx_count_distinct": "approx_distinct",
	"any_value": "first", "arg_max": "last", "mode": "topk(x,1)", "quantile": "p50 … p99.9", "percentile": "p50 … p99.9",
	"p100": "max",
}

// percent reads 50 or 99.9 as a fraction of 100 without rounding.
func percent(s string) (num, den int64, ok bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(whole) == 0 || len(whole) > 3 || len(frac) > 6 || strings.HasSuffix(s, ".") {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(whole+frac, 10, 63)
	if err != nil {
		return 0, 0, false
	}
	den = 100
	for range frac {
		den *= 10
	}
	return int64(n), den, int64(n) <= den
}

func (c *aggregateCall) cutK(arg string) (rest string, err error) {
	i := strings.LastIndexByte(arg, ',')
	if i >= 0 {
		c.k, err = strconv.Atoi(strings.TrimSpace(arg[i+1:]))
	}
	if i < 0 || err != nil || c.k < 1 {
		return "", fault.Usagef("topk(%s): want topk(x,3), a field and a number", arg)
	}
	return strings.TrimSpace(arg[:i]), nil
}

// makers returns the constructors of the columns.
func (p *aggregatePlan) makers() []func() state.Column {
	list := make([]func() state.Column, len(p.columns))
	for i, c := range p.columns {
		switch c.kind {
		case "count":
			list[i] = func() state.Column { return state.NewCount(c.input >= 0) }
		case "sum":
			list[i] = state.NewSum
		case "mean", "deviation":
			list[i] = func() state.Column { return state.NewMoments(c.kind == "deviation") }
		case "min":
			list[i] = state.NewMin
		case "max":
			list[i] = state.NewMax
		case "first":
			list[i] = state.NewFirst
		case "last":
			list[i] = state.NewLast
		case "numbers":
			list[i] = func() state.Column { return state.NewNumbers(c.distinct, c.ranked) }
		case "hyperloglog":
			list[i] = state.NewApproxDistinct
		case "buckets":
			list[i] = state.NewApproxQuantiles
		case "topk":
			list[i] = state.NewTopK
		}
	}
	return list
}
