package agent

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// valueFix guesses why a value cannot be read, and what was meant.
func valueFix(value string, q *flume.Property) string {
	switch {
	case strings.Contains(value, "${"):
		return "write ${env:NAME}, ${sys:NAME} or a key of the file"
	case strings.Contains(value, " #"), strings.Contains(value, "\t#"), strings.Contains(value, " //"):
		return ownLine + ": it is part of the value"
	case len(value) > 1 && (value[0] == '"' || value[0] == '\''):
		return "leave out the quotes: they are part of the value"
	}
	meant := ""
	switch q.Value.Type() {
	case "bool":
		meant = meantBool(value)
	case "int":
		meant = meantNumber(value, q.Unit)
	case "word":
		meant = nearest(value, q.Words)
	case "host":
		if !strings.Contains(value, "/") {
			meant, _, _ = strings.Cut(strings.TrimRight(value, ";,. "), ":")
		}
	}
	switch {
	case meant != "" && q.Accepts(meant):
		return "write " + meant
	case !q.Required && q.Default != "":
		return "leave the line out for the default, " + q.Default
	case q.Value.Type() == "int" && strings.Trim(value, "-0123456789") != "":
		return "write digits alone"
	case q.Value.Type() == "host":
		return "write a name or an address, and nothing else"
	}
	return "write another value"
}

// meantBool reads what other programs take for true and false.
func meantBool(value string) string {
	switch strings.ToLower(strings.TrimRight(value, ";,.")) {
	case "yes", "on", "1", "y", "t", "enabled", "true":
		return "true"
	case "no", "off", "0", "n", "f", "disabled", "false":
		return "false"
	}
	return ""
}

// meantNumber reads a number with signs between its thousands, or with a unit,
// as one of the property's unit; "" where it is none.
func meantNumber(value, unit string) string {
	digits := strings.TrimRight(strings.ToLower(value), ";,.")
	end := strings.LastIndexAny(digits, "0123456789") + 1
	suffix := strings.TrimSpace(digits[end:])
	plain := strings.NewReplacer(",", "", "_", "", "'", "", " ", "").Replace(digits[:end])
	n, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		return ""
	}
	factor, ok := unitFactor(suffix, unit)
	if product := n * factor; ok && n > 0 && product/factor == n {
		return fmt.Sprint(product)
	}
	return ""
}

// unitFactor is how many of unit a suffix stands for.
func unitFactor(suffix, unit string) (int64, bool) {
	var units map[string]int64
	switch unit {
	case "ms":
		units = map[string]int64{"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}
	case "s":
		units = map[string]int64{"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
	case "bytes":
		units = map[string]int64{"b": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30}
	default:
		units = map[string]int64{"k": 1000, "m": 1_000_000, unit: 1}
	}
	factor, ok := units[suffix]
	if suffix == "" {
		factor, ok = 1, true
	}
	return factor, ok
}
