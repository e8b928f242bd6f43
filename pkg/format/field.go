package format

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// Type is the type of a field's values.
type Type uint8

// The types. A value of any but String is trimmed of blanks, and an empty one is
// no field.
const (
	String Type = iota // text as it is, empty text included
	Int                // whole number; beyond int64 it is a float
	Float              // decimal number
	Bool               // true, false, yes, no, t, f, 1, 0 in any case
	Time               // any form of package timestamp, rewritten as RFC 3339
	JSON               // any JSON value
)

var typeNames = [...]string{"string", "int", "float", "bool", "time", "json"}

// String returns the name of t as it is written behind a field's name.
func (t Type) String() string { return typeNames[t] }

// Field is a named column with its type.
type Field struct {
	Name string
	Type Type
}

// ParseFields reads the text of --fields and --types, such as
// `page,clicks:int,minutes:float`. A field without type is a string. The error
// is one of usage.
func ParseFields(text string) ([]Field, error) {
	var fields []Field
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, typ, typed := strings.Cut(strings.TrimSpace(part), ":")
		f := Field{Name: strings.TrimSpace(name)}
		switch {
		case f.Name == "":
			return nil, fault.Usagef("fields %q: a name is empty", text)
		case !utf8.ValidString(f.Name):
			return nil, fault.Usagef("fields %q: a name is no UTF-8", text)
		case seen[f.Name]:
			return nil, fault.Usagef("fields %q: %s stands there twice", text, f.Name)
		case typed:
			t, ok := typeOf(strings.TrimSpace(typ))
			if !ok {
				return nil, fault.Hint(fault.Usagef("fields %q: %q is no type of %s", text, typ, f.Name),
					"types are %s", strings.Join(typeNames[:], ", "))
			}
			f.Type = t
		}
		seen[f.Name] = true
		fields = append(fields, f)
	}
	return fields, nil
}

func typeOf(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return String, false
}

func fieldNames(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// typed gives names the types that are told for them; the error names a type
// for a field that does not exist.
func typed(names []string, types []Field) ([]Field, error) {
	fields := make([]Field, len(names))
	for i, n := range names {
		fields[i].Name = n
	}
next:
	for _, t := range types {
		for i := range fields {
			if fields[i].Name == t.Name {
				fields[i].Type = t.Type
				continue next
			}
		}
		return nil, fault.Hint(fault.Usagef("there is no field %s to give a type", t.Name), "fields are %s", strings.Join(names, ", "))
	}
	return fields, nil
}

// setField makes text, which lies at off of r's line, the field i of type f. It
// returns what text should have been, or "".
func setField(r *record.Record, i, off int, text []byte, m marks, f *Field, zone *time.Location) (want string) {
	if f.Type == String {
		setText(r, i, off, off+len(text), m)
		return ""
	}
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		text, off = text[1:], off+1
	}
	text = bytes.TrimRight(text, " \t")
	if len(text) == 0 {
		return ""
	}
	ok := false
	switch f.Type {
	case Int:
		ok = setInt(r, i, off, text)
	case Float:
		ok = setNumber(r, i, off, text)
	case Bool:
		ok = setBool(r, i, text)
	case Time:
		ok = setTime(r, i, off, text, zone)
	case JSON:
		ok = setJSON(r, i, off, text)
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%s for field %s", wanted[f.Type], f.Name)
}

var wanted = [...]string{"text", "a whole number", "a number", "true or false", "a time", "a JSON value"}

// setArenaField is setField for text that lies in the arena from off on.
func setArenaField(r *record.Record, i, off int, f *Field, zone *time.Location) (want string) {
	text := r.Arena.Buf[off:]
	if f.Type == String {
		arenaText(r, i, text)
		return ""
	}
	if want = setField(r, i, off, text, 0, f, zone); want == "" && r.Spans[i].Enc != record.Absent {
		r.Spans[i].Arena = true
	}
	return want
}

func setBool(r *record.Record, i int, text []byte) bool {
	s := record.Span{}
	switch strings.ToLower(string(text)) {
	case "true", "t", "yes", "1":
		s.Enc = record.JSONTrue
	case "false", "f", "no", "0":
		s.Enc = record.JSONFalse
	}
	r.Spans[i] = s
	return s.Enc != record.Absent
}

// setJSON makes the JSON value text the field i. Objects and arrays stay as they
// are written.
func setJSON(r *record.Record, i, off int, text []byte) bool {
	if s, ok := record.NumberSpan(text, uint32(off)); ok {
		r.Spans[i] = s
		return true
	}
	v := record.DecodeJSON(text)
	switch v.Kind {
	case record.Null:
		if string(text) != "null" {
			return false
		}
	case record.Object, record.Array:
		s := record.Span{Off: uint32(off), End: uint32(off + len(text)), Enc: record.JSONObject}
		if v.Kind == record.Array {
			s.Enc = record.JSONArray
		}
		r.Spans[i] = s
		return true
	}
	r.Spans[i] = r.Encode(v)
	return true
}
