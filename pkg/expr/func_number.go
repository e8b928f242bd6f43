package expr

import (
	"bytes"
	"math"
	"strconv"

	"github.com/logpipe/logpipe/pkg/record"
)

var numberFunctions = []builtin{
	{Function: Function{"abs", groupNumber, "abs(x)", "x without its sign", "abs(-3)", "3"}, min: 1, max: 1, cost: 2, one: abs, check: wantNumber(0)},
	{Function: Function{"round", groupNumber, "round(x[, n])", "x rounded to n decimals (default 0), halves away from zero: x*10^n is rounded, as DuckDB does it with a DOUBLE; 1.005*100 is just below 100.5, so round(1.005, 2) is 1", "round(2.675, 2)", "2.68"}, min: 1, max: 2, cost: 15, many: round, check: wantNumber(0, 1)},
	{Function: Function{"floor", groupNumber, "floor(x)", "the largest integer not above x", "floor(-1.5)", "-2"}, min: 1, max: 1, cost: 4, one: integral(math.Floor), check: wantNumber(0)},
	{Function: Function{"ceil", groupNumber, "ceil(x)", "the smallest integer not below x", "ceil(1.2)", "2"}, min: 1, max: 1, cost: 4, one: integral(math.Ceil), check: wantNumber(0)},
	{Function: Function{"sqrt", groupNumber, "sqrt(x)", "the square root; null below 0", "sqrt(2.25)", "1.5"}, min: 1, max: 1, cost: 8, one: ofFloat(math.Sqrt), check: wantNumber(0)},
	{Function: Function{"pow", groupNumber, "pow(x, y)", "x to the power of y", "pow(2, 10)", "1024"}, min: 2, max: 2, cost: 40, two: pow, check: wantNumber(0, 1)},
	{Function: Function{"exp", groupNumber, "exp(x)", "e to the power of x", "exp(0)", "1"}, min: 1, max: 1, cost: 15, one: ofFloat(math.Exp), check: wantNumber(0)},
	{Function: Function{"ln", groupNumber, "ln(x)", "the natural logarithm; null unless x is above 0", "ln(1)", "0"}, min: 1, max: 1, cost: 15, one: ofFloat(math.Log), check: wantNumber(0)},
	{Function: Function{"log10", groupNumber, "log10(x)", "the logarithm to base 10; null unless x is above 0", "log10(1000)", "3"}, min: 1, max: 1, cost: 20, one: ofFloat(log10), check: wantNumber(0)},
	{Function: Function{"min", groupNumber, "min(a, b, …)", "the smallest; null where one is null or they have no order", "min(3, 1, 2)", "1"}, min: 2, max: -1, cost: 5, many: extreme(-1)},
	{Function: Function{"max", groupNumber, "max(a, b, …)", "the greatest; null where one is null or they have no order", "max(0, -5)", "0"}, min: 2, max: -1, cost: 5, many: extreme(1)},
	{Function: Function{"int", groupNumber, "int(x)", "x cut off to an integer; also of true, false and a text that is a number", "int('-7.9')", "-7"}, min: 1, max: 1, cost: 15, one: toInt},
	{Function: Function{"float", groupNumber, "float(x)", "x rounded to float64; also of true, false and a text that is a number", "float('0.5')", "0.5"}, min: 1, max: 1, cost: 15, one: toFloat},
	{Function: Function{"number", groupNumber, "number(x)", "the number that the text x is, blanks around it allowed, or null; true is 1, false 0", "number(' 042 ')", "42"}, min: 1, max: 1, cost: 15, one: toNumber},
}

// integral makes a function that leaves integers alone.
func integral(f func(float64) float64) func(*Program, val) val {
	general := ofFloat(f)
	return func(p *Program, v val) val {
		if v.kind == record.Int {
			return v
		}
		return general(p, v)
	}
}

// ofFloat makes a function of a float64 one; NaN and infinities are null.
func ofFloat(f func(float64) float64) func(*Program, val) val {
	return func(_ *Program, v val) val {
		if !v.isNumber() {
			return val{}
		}
		return floatVal(f(v.float()))
	}
}

// log10 is exact for the powers of ten, which math.Log10 is not everywhere.
func log10(x float64) float64 {
	l := math.Log10(x)
	if n := math.Round(l); n != l && math.Abs(n-l) < 1e-9 && math.Pow10(int(n)) == x {
		return n
	}
	return l
}

func abs(_ *Program, v val) val {
	switch {
	case !v.isNumber():
		return val{}
	case v.float() < 0:
		return negate(v)
	}
	return v
}

func pow(_ *Program, a, b val) val {
	if !a.isNumber() || !b.isNumber() {
		return val{}
	}
	if a.kind == record.Int && b.kind == record.Int {
		if n, ok := powInt(a.int(), b.int()); ok {
			return intVal(n)
		}
	}
	return floatVal(math.Pow(a.float(), b.float()))
}

// powInt is exact, or fails.
func powInt(x, n int64) (int64, bool) {
	if n < 0 || n > 63 {
		return 0, false
	}
	result, ok := int64(1), true
	for range n {
		if result, ok = mulInt(result, x); !ok {
			return 0, false
		}
	}
	return result, true
}

func round(_ *Program, args []val) val {
	v, digits := args[0], int64(0)
	if len(args) > 1 {
		if args[1].kind != record.Int {
			return val{}
		}
		digits = args[1].int()
	}
	switch {
	case !v.isNumber():
		return val{}
	case v.kind == record.Int && digits >= 0:
		return v
	case v.kind == record.Int && digits >= -18:
		return roundInt(v.int(), -int(digits))
	case digits < -308:
		return intVal(0)
	}
	return floatVal(roundFloat(v.float(), digits))
}

// roundInt rounds n to a multiple of 10^zeros, exactly where int64 holds it.
func roundInt(n int64, zeros int) val {
	unit := int64(1)
	for range zeros {
		unit *= 10
	}
	rest := n % unit
	whole := num{uint64(n - rest), record.Int}
	switch {
	case rest >= unit-rest:
		whole = add(whole, num{uint64(unit), record.Int})
	case -rest >= unit+rest:
		whole = sub(whole, num{uint64(unit), record.Int})
	}
	return whole.value()
}

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// roundFloat scales by a power of ten that float64 holds exactly, as DuckDB does
// it: 2.675*100 is 267.5 and gives 2.68, 1.005*100 is 100.49999999999999 and
// gives 1. Python rounds the exact binary value instead: 2.67 and 1. Beyond those
// powers it rounds in decimal.
func roundFloat(f float64, digits int64) float64 {
	switch {
	case digits > 0 && math.Abs(f) >= exactLimit || digits > 320:
		return f // has no decimals
	case digits >= 0 && digits < int64(len(pow10)):
		if scaled := f * pow10[digits]; math.Abs(scaled) < exactLimit {
			return math.Round(scaled) / pow10[digits]
		}
		return f // all its digits count
	case digits < 0 && -digits < int64(len(pow10)):
		return math.Round(f/pow10[-digits]) * pow10[-digits]
	case digits < 0:
		unit := math.Pow10(int(-digits))
		return math.Round(f/unit) * unit
	}
	var buf [400]byte
	out, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'f', int(digits), 64)), 64)
	if err != nil {
		return f
	}
	return out
}

// extreme returns the smallest or greatest of its arguments.
func extreme(sign int) func(*Program, []val) val {
	return func(_ *Program, args []val) val {
		best := args[0]
		for _, v := range args[1:] {
			c, ok := order(v, best)
			if !ok {
				return val{}
			}
			if c*sign > 0 {
				best = v
			}
		}
		return best
	}
}

func toInt(p *Program, v val) val {
	v = toNumber(p, v)
	if v.kind == record.Float {
		return floatVal(math.Trunc(v.float()))
	}
	return v
}

func toFloat(p *Program, v val) val {
	if v = toNumber(p, v); v.isNumber() {
		return floatVal(v.float())
	}
	return v
}

func toNumber(_ *Program, v val) val {
	switch v.kind {
	case record.Int, record.Float:
		return v
	case record.Bool:
		return intVal(int64(v.num))
	case record.String:
		return readNumber(bytes.TrimSpace(v.bytes()))
	}
	return val{}
}

// readNumber reads decimal numbers, also with a plus sign, leading zeros, or
// nothing before or behind the point, as they are found in files.
func readNumber(b []byte) val {
	const longest = 1000
	if len(b) == 0 || len(b) > longest {
		return val{}
	}
	whole := true
	for i, c := range b {
		switch {
		case c-'0' <= 9, i == 0 && (c == '+' || c == '-'):
		case c == '.' || c == '+' || c == '-' || c|0x20 == 'e':
			whole = false
		default:
			return val{}
		}
	}
	if whole {
		if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
			return intVal(n)
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return val{}
	}
	return floatVal(f)
}
