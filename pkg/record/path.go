package record

import (
	"bytes"
	"strconv"
	"strings"
)

// lookup finds the value at the steps of a path below the object or array raw,
// which the scanner has accepted. The last one of duplicate keys counts.
func lookup(raw []byte, steps []string, exact bool) ([]byte, bool) {
	if len(steps) == 0 {
		return raw, true
	}
	if raw[0] == '[' {
		n, err := strconv.Atoi(steps[0])
		if err != nil {
			return nil, false
		}
		el, ok := element(raw, n)
		if !ok || len(steps) > 1 && el[0] != '{' && el[0] != '[' {
			return nil, false
		}
		return lookup(el, steps[1:], exact)
	}
	if !exact && len(steps) > 1 {
		if v, ok := member(raw, strings.Join(steps, ".")); ok {
			return v, true
		}
	}
	v, ok := member(raw, steps[0])
	if !ok || len(steps) > 1 && v[0] != '{' && v[0] != '[' {
		return nil, false
	}
	return lookup(v, steps[1:], exact)
}

// member finds the last value of key in the object raw.
func member(raw []byte, key string) (value []byte, ok bool) {
	EachMember(raw, func(k, v []byte) bool {
		if string(k) == key {
			value, ok = v, true
		}
		return true
	})
	return value, ok
}

func element(raw []byte, n int) (value []byte, ok bool) {
	i := 0
	EachElement(raw, func(v []byte) bool {
		if i == n {
			value, ok = v, true
		}
		i++
		return !ok
	})
	return value, ok
}

// EachMember calls f for the members of the valid JSON object raw with decoded
// keys and raw values, until f returns false.
func EachMember(raw []byte, f func(key, value []byte) bool) {
	i := skipSpace(raw, 1)
	for i < len(raw) && raw[i] == '"' {
		end := endOfString(raw, i)
		key := raw[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = appendDecoded(nil, key)
		}
		i = skipSpace(raw, skipSpace(raw, end)+1)
		end = endOfValue(raw, i)
		if !f(key, raw[i:end:end]) {
			return
		}
		i = skipSpace(raw, end)
		if i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
}

// EachElement calls f for the elements of the valid JSON array raw, until f
// returns false.
func EachElement(raw []byte, f func(value []byte) bool) {
	i := skipSpace(raw, 1)
	for i < len(raw) && raw[i] != ']' {
		end := endOfValue(raw, i)
		if !f(raw[i:end:end]) {
			return
		}
		i = skipSpace(raw, end)
		if i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

func endOfString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func endOfValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return endOfString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = endOfString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(b)
	}
	for i < len(b) && !strings.ContainsRune(",]} \t\r\n", rune(b[i])) {
		i++
	}
	return i
}
