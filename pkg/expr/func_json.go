package expr

import (
	"bytes"
	"strconv"

	"github.com/logpipe/logpipe/pkg/record"
)

var jsonFunctions = []builtin{
	{Function: Function{"get", groupJSON, "get(x, key)", "member key of the object x, or element key of the array x, counted from 0, or from the end where it is negative", "get(split('a b c'), -1)", `"c"`}, min: 2, max: 2, cost: 80, two: get},
	{Function: Function{"keys", groupJSON, "keys(x)", "the names of the members of the object x, each once, as an array", `keys(json('{"a":1,"b":2}'))`, `["a","b"]`}, min: 1, max: 1, cost: 200, one: keys},
	{Function: Function{"json", groupJSON, "json(s)", "the JSON value that the text s holds, or null", `get(json('{"a":[1,2]}'), 'a')`, "[1,2]"}, min: 1, max: 1, cost: 200, one: readJSON, check: wantText(0)},
	{Function: Function{"join", groupJSON, "join(x, sep)", "the elements of the array x as one text with sep between them; nulls are left out", "join(split('a b c'), '-')", `"a-b-c"`}, min: 2, max: 2, cost: 200, two: join, check: wantText(1)},
	{Function: Function{"range", groupJSON, "range([from, ]to)", "the integers from from (default 0) up to, and without, to, as an array; null for more than a million", "range(1, 4)", "[1,2,3]"}, min: 1, max: 2, cost: 100, many: rangeOf, check: wantNumber(0, 1)},
}

func get(_ *Program, x, key record.Value) record.Value {
	switch {
	case x.Kind == record.Object && key.Kind == record.String:
		var found []byte
		record.EachMember(x.Bytes, func(k, v []byte) bool {
			if string(k) == string(key.Bytes) {
				found = v // the last of duplicate keys counts
			}
			return true
		})
		return decoded(found)
	case x.Kind == record.Array && key.Kind == record.Int:
		n := key.Int()
		if n < 0 {
			record.EachElement(x.Bytes, func([]byte) bool { n++; return true })
		}
		var found []byte
		if n >= 0 {
			record.EachElement(x.Bytes, func(v []byte) bool {
				n--
				if n < 0 {
					found = v
				}
				return n >= 0
			})
		}
		if n < 0 {
			return decoded(found)
		}
	}
	return record.Value{}
}

func decoded(raw []byte) record.Value {
	if raw == nil {
		return record.Value{}
	}
	return record.DecodeJSON(raw)
}

func readJSON(_ *Program, s record.Value) record.Value {
	if s.Kind != record.String {
		return record.Value{}
	}
	return record.DecodeJSON(bytes.Trim(s.Bytes, " \t\r\n"))
}

func keys(p *Program, x record.Value) record.Value {
	if x.Kind != record.Object {
		return record.Value{}
	}
	l := p.list()
	seen := make(map[string]bool)
	record.EachMember(x.Bytes, func(k, _ []byte) bool {
		if !seen[string(k)] {
			seen[string(k)] = true
			l.addText(k)
		}
		return true
	})
	return l.value()
}

func join(p *Program, x, sep record.Value) record.Value {
	if x.Kind != record.Array || sep.Kind != record.String {
		return record.Value{}
	}
	off, first := len(p.buf), true
	record.EachElement(x.Bytes, func(raw []byte) bool {
		v := record.DecodeJSON(raw)
		if v.Kind == record.Null {
			return true
		}
		if !first {
			p.buf = append(p.buf, sep.Bytes...)
		}
		first = false
		p.buf = record.AppendPlain(p.buf, v)
		return true
	})
	return p.text(off)
}

// maxRange bounds the array that range makes.
const maxRange = 1_000_000

func rangeOf(p *Program, args []record.Value) record.Value {
	from, to := record.IntValue(0), args[0]
	if len(args) > 1 {
		from, to = args[0], args[1]
	}
	if from.Kind != record.Int || to.Kind != record.Int {
		return record.Value{}
	}
	a, b := from.Int(), to.Int()
	if b > a && uint64(b)-uint64(a) > maxRange {
		return record.Value{}
	}
	l := p.list()
	for ; a < b; a++ {
		l.addInt(a)
	}
	return l.value()
}

var otherFunctions = []builtin{
	{Function: Function{"hash", groupOther, "hash(x)", "64 bits of x as 16 hexadecimal digits (FNV-1a of x as it is printed), the same everywhere and always", "hash('a')", `"af63dc4c8601ec8c"`}, min: 1, max: 1, cost: 60, one: hash},
	{Function: Function{"header", groupOther, "header(name)", "a header of the record's transport, such as a Kafka record's; null where there is none", "header('host')", "null"}, min: 1, max: 1, cost: 20, traits: usesHeader, build: header, check: wantText(0)},
}

// hash is FNV-1a with 64 bits.
func hash(p *Program, v record.Value) record.Value {
	b := v.Bytes
	if v.Kind < record.String {
		off := len(p.buf)
		p.buf = record.AppendPlain(p.buf, v)
		b = p.buf[off:]
	}
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	const digits = 16
	var buf [digits]byte
	hex := strconv.AppendUint(buf[:0], h, 16)
	off := len(p.buf)
	for range digits - len(hex) {
		p.buf = append(p.buf, '0')
	}
	p.buf = append(p.buf, hex...)
	return p.text(off)
}

func header(p *Program, args []*node) fn {
	name := p.value(args[0])
	return func(r *record.Record) record.Value {
		n := name(r)
		if n.Kind != record.String {
			return record.Value{}
		}
		b, ok := p.header(r, string(n.Bytes))
		if !ok {
			return record.Value{}
		}
		return p.validText(b)
	}
}
