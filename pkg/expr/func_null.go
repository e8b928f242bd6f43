package expr

import (
	"github.com/logpipe/logpipe/pkg/record"
)

var nullFunctions = []builtin{
	{Function: Function{"if", groupNull, "if(c, a[, d, b, …][, else])", "a where the condition c is true, b where d is, and so on; else or null otherwise", "if(2 > 3, 'more', 'less')", `"less"`}, min: 2, max: -1, cost: 3, build: choose},
	{Function: Function{"coalesce", groupNull, "coalesce(a, b, …)", "the first value that is not null", "coalesce(null, 'a', 'b')", `"a"`}, min: 1, max: -1, cost: 3, build: coalesce},
	{Function: Function{"ifnull", groupNull, "ifnull(a, b)", "a, or b where a is null", "ifnull(null, 0)", "0"}, min: 2, max: 2, cost: 3, build: coalesce},
	{Function: Function{"nullif", groupNull, "nullif(a, b)", "a, or null where a equals b", "nullif('-', '-')", "null"}, min: 2, max: 2, cost: 5, build: nullIf},
	{Function: Function{"is_null", groupNull, "is_null(x)", "whether x is null or absent, as x is null", "is_null(1)", "false"}, min: 1, max: 1, cost: 2, test: isNull},
	{Function: Function{"typeof", groupNull, "typeof(x)", "null, boolean, number, string, array or object", "typeof('a')", `"string"`}, min: 1, max: 1, cost: 3, build: typeOf},
	{Function: Function{"bool", groupNull, "bool(x)", "whether the number x is not 0; true and false also as texts", "bool('true')", "true"}, min: 1, max: 1, cost: 5, one: toBool},
}

// choose compiles if.
func choose(p *Program, args []*node) fn {
	type choice struct {
		when truthFunc
		then fn
	}
	var list []choice
	for ; len(args) >= 2; args = args[2:] {
		list = append(list, choice{p.truth(args[0]), p.value(args[1])})
	}
	otherwise := func(*record.Record) val { return val{} }
	if len(args) == 1 {
		otherwise = p.value(args[0])
	}
	if len(list) == 1 {
		when, then := list[0].when, list[0].then
		return func(r *record.Record) val {
			if when(r) == yes {
				return then(r)
			}
			return otherwise(r)
		}
	}
	return func(r *record.Record) val {
		for i := range list {
			if list[i].when(r) == yes {
				return list[i].then(r)
			}
		}
		return otherwise(r)
	}
}

func coalesce(p *Program, args []*node) fn {
	list := p.values(args)
	return func(r *record.Record) (v val) {
		for _, f := range list {
			if v = f(r); v.kind != record.Null {
				break
			}
		}
		return v
	}
}

func nullIf(p *Program, args []*node) fn {
	a, b := p.value(args[0]), p.value(args[1])
	return func(r *record.Record) val {
		v := a(r)
		if equal(v, b(r), true) == yes {
			return val{}
		}
		return v
	}
}

func isNull(p *Program, args []*node) truthFunc {
	f := p.value(args[0])
	return func(r *record.Record) truth { return truthIf(f(r).kind == record.Null) }
}

func typeOf(p *Program, args []*node) fn {
	f := p.value(args[0])
	names := [...]val{
		record.Null: textValue("null"), record.Bool: textValue("boolean"), record.Int: textValue("number"), record.Float: textValue("number"),
		record.String: textValue("string"), record.Object: textValue("object"), record.Array: textValue("array"),
	}
	return func(r *record.Record) val { return names[f(r).kind] }
}

func textValue(s string) val { return textVal([]byte(s)) }

func toBool(_ *Program, v val) val {
	switch v.kind {
	case record.Bool:
		return v
	case record.Int, record.Float:
		return boolVal(v.float() != 0)
	case record.String:
		switch v.text() {
		case "true":
			return boolVal(true)
		case "false":
			return boolVal(false)
		}
	}
	return val{}
}
