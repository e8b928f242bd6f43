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

func get(_ *Program, x, key val) val {
	switch {
	case x.kind == record.Object && key.kind == record.String:
		var found []byte
		record.EachMember(x.bytes(), func(k, v []byte) bool {
			if string(k) == key.text() {
				found = v // the last of duplicate keys counts
			}
			return true
		})
		return decoded(found)
	case x.kind == record.Array && key.kind == record.Int:
		n := key.int()
		if n < 0 {
			record.EachElement(x.bytes(), func([]byte) bool { n++; return true })
		}
		var found []byte
		if n >= 0 {
			record.EachElement(x.bytes(), func(v []byte) bool {
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
	return val{}
}

func decoded(raw []byte) val {
	if raw == nil {
		return val{}
	}
	return decodeJSON(raw)
}

func readJSON(_ *Program, s val) val {
	if s.kind != record.String {
		return val{}
	}
	return decodeJSON(bytes.Trim(s.bytes(), " \t\r\n"))
}

func keys(p *Program, x val) val {
	if x.kind != record.Object {
		return val{}
	}
	l := p.list()
	seen := make(map[string]bool)
	record.EachMember(x.bytes(), func(k, _ []byte) bool {
		if !seen[string(k)] {
			seen[string(k)] = true
			l.addText(k)
		}
		return true
	})
	return l.value()
}

func join(p *Program, x, sep val) val {
	if x.kind != record.Array || sep.kind != record.String {
		return val{}
	}
	off, first := len(p.buf), true
	record.EachElement(x.bytes(), func(raw []byte) bool {
		v := decodeJSON(raw)
		if v.kind == record.Null {
			return true
		}
		if !first {
			p.buf = append(p.buf, sep.bytes()...)
		}
		first = false
		p.buf = record.AppendPlain(p.buf, v.record())
		return true
	})
	return p.text(off)
}

// maxRange bounds the array that range makes.
const maxRange = 1_000_000

func rangeOf(p *Program, args []val) val {
	from, to := intVal(0), args[0]
	if len(args) > 1 {
		from, to = args[0], args[1]
	}
	if from.kind != record.Int || to.kind != record.Int {
		return val{}
	}
	a, b := from.int(), to.int()
	if b > a && uint64(b)-uint64(a) > maxRange {
		return val{}
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
func hash(p *Program, v val) val {
	b := v.bytes()
	if v.kind < record.String {
		off := len(p.buf)
		p.buf = record.AppendPlain(p.buf, v.record())
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
	return func(r *record.Record) val {
		n := name(r)
		if n.kind != record.String {
			return val{}
		}
		b, ok := p.header(r, n.text())
		if !ok {
			return val{}
		}
		return p.validText(b)
	}
}
