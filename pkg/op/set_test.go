package op

import "testing"

func TestSet(t *testing.T) {
	in := []string{`{"a": 1.0, "b":"x"}`, `{"b":"y"}`}
	checkCases(t, Set, []opCase{
		{name: "later ones see earlier ones", words: []string{"c=a+1", "d=c*2"}, in: in,
			want: []string{`{"a": 1.0, "b":"x","c":2,"d":4}`, `{"b":"y","c":null,"d":null}`}},
		{name: "in place", words: []string{"a=length(b)"}, in: in, want: []string{`{"a": 1, "b":"x"}`, `{"b":"y","a":1}`}},
		{name: "text of another field", words: []string{"b=concat(b, '\"', b)"}, in: in[:1], want: []string{`{"a": 1.0, "b":"x\"x"}`}},
		{name: "flat key", words: []string{"b.c=1", "['o d']=2"}, in: in[1:], want: []string{`{"b":"y","b.c":1,"o d":2}`}},
		{name: "exchange by a third", words: []string{"t=a", "a=b", "b=t"}, in: in[:1], want: []string{`{"a": "x", "b":1,"t":1}`}},
	})
	checkRefused(t, Set, nil, []string{"a"}, []string{"a==1"}, []string{"a=1", "b"})
}
