package op

import "testing"

func TestDrop(t *testing.T) {
	checkCases(t, Drop, []opCase{
		{name: "fields", words: []string{"a", "c", "nope"}, in: []string{`{"a":1,"b": 2.0,"c":3}`, `{"b": 2.0, "d":1}`, `{"a":1}`},
			want: []string{`{"b": 2.0}`, `{"b": 2.0, "d":1}`, `{}`}},
		{name: "duplicates", words: []string{"a"}, in: []string{`{"a":1,"b":2,"a":3}`}, want: []string{`{"b":2}`}},
		{name: "names are flat", words: []string{"a.b", "['o d']"}, in: []string{`{"a":{"b":1},"a.b":2,"o d":3}`}, want: []string{`{"a":{"b":1}}`}},
	})
	checkRefused(t, Drop, nil, []string{"a[0]"}, []string{"['a']['b']"}, []string{""}, []string{"['a"})
}
