package op

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

func TestSelect(t *testing.T) {
	in := []string{`{"a": 1.0, "b":"\u0041","c":{"d":2.0,"e":[1, 2]},"x.y":3}`, `{"b":null,"a":1e2}`, `{"z":1}`}
	checkCases(t, Select, []opCase{
		{name: "bytes and order", words: []string{"b", "a"}, in: in,
			want: []string{`{"b":"\u0041","a":1.0}`, `{"b":null,"a":1e2}`, `{}`}},
		{name: "flat key and path", words: []string{"x.y", "c.d", "c.e[1]"}, in: in,
			want: []string{`{"x.y":3,"c.d":2,"c.e.1":2}`, `{}`, `{}`}},
		{name: "object", words: []string{"c.e", "c"}, in: in,
			want: []string{`{"c.e":[1, 2],"c":{"d":2.0,"e":[1, 2]}}`, `{}`, `{}`}},
		{name: "expressions see the input", words: []string{"a=a+1", "twice=2*a", "['o dd']=b"}, in: in,
			want: []string{`{"a":2,"twice":2,"o dd":"A"}`, `{"a":101,"twice":200,"o dd":null}`, `{"a":null,"twice":null,"o dd":null}`}},
		{name: "the last duplicate", words: []string{"a"}, in: []string{`{"a":1,"a":2}`}, want: []string{`{"a":2}`}},
	})
	checkRefused(t, Select, nil, []string{"a", "a"}, []string{"a", "a=b"}, []string{"count(x)"}, []string{"a>1"}, []string{"a=1+"}, []string{"a[x]"}, []string{""})
}

// What a transport knows of a record crosses a stage that rebuilds its index.
func TestMetadataStays(t *testing.T) {
	for _, op := range []stream.Operator{parallelOperator(t, Select, "a"), parallelOperator(t, Rename, "b=a"), parallelOperator(t, Each, "c=a"), parallelOperator(t, Set, "c=a")} {
		b := oneBatch(t, `{"a":[1]}`)
		meta := &record.Meta{Topic: "t", Offset: 7}
		b.Records[0].Meta, b.Records[0].Pos, b.Records[0].Block = meta, 5, 6
		if err := op.Process(b, nowhere); err != nil {
			t.Fatal(err)
		}
		if r := b.Records[0]; r.Meta != meta || r.Pos != 5 || r.Block != 6 {
			t.Errorf("%T: %+v", op, r)
		}
	}
}
