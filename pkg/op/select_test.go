package op

import (
	"testing"

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

func TestSet(t *testing.T) {
	in := []string{`{"a": 1.0, "b":"x"}`, `{"b":"y"}`}
	checkCases(t, Set, []opCase{
		{name: "later ones see earlier ones", words: []string{"c=a+1", "d=c*2"}, in: in,
			want: []string{`{"a": 1.0, "b":"x","c":2,"d":4}`, `{"b":"y","c":null,"d":null}`}},
		{name: "in place", words: []string{"a=length(b)"}, in: in, want: []string{`{"a":1,"b":"x"}`, `{"b":"y","a":1}`}},
		{name: "text of another field", words: []string{"b=concat(b, '\"', b)"}, in: in[:1], want: []string{`{"a":1.0,"b":"x\"x"}`}},
		{name: "flat key", words: []string{"b.c=1", "['o d']=2"}, in: in[1:], want: []string{`{"b":"y","b.c":1,"o d":2}`}},
		{name: "exchange by a third", words: []string{"t=a", "a=b", "b=t"}, in: in[:1], want: []string{`{"a":"x","b":1,"t":1}`}},
	})
	checkRefused(t, Set, nil, []string{"a"}, []string{"a==1"}, []string{"a=1", "b"})
}

func TestEach(t *testing.T) {
	checkCases(t, Each, []opCase{
		{name: "raw elements", words: []string{"x=x"},
			in: []string{`{"i":1,"x":[1.0, -0, "a\nb","é", null,true,false,{"k":[1]},[2],12345678901234567890,-17,1e3]}`},
			want: []string{`{"i":1,"x":1.0}`, `{"i":1,"x":-0}`, `{"i":1,"x":"a\nb"}`, `{"i":1,"x":"é"}`, `{"i":1,"x":null}`, `{"i":1,"x":true}`,
				`{"i":1,"x":false}`, `{"i":1,"x":{"k":[1]}}`, `{"i":1,"x":[2]}`, `{"i":1,"x":12345678901234567890}`, `{"i":1,"x":-17}`, `{"i":1,"x":1e3}`}},
		{name: "nothing", words: []string{"x=x"}, in: []string{`{"x":[]}`, `{"x":null}`, `{"y":1}`}},
		{name: "no array", words: []string{"y=x"}, in: []string{`{"x":"a"}`, `{"x":{"a":1}}`}, want: []string{`{"x":"a","y":"a"}`, `{"x":{"a":1},"y":{"a":1}}`}},
		{name: "computed", words: []string{"n=range(0, k)"}, in: []string{`{"k":2}`, `{"k":0}`, `{"k":1}`},
			want: []string{`{"k":2,"n":0}`, `{"k":2,"n":1}`, `{"k":1,"n":0}`}},
	})
	checkRefused(t, Each, nil, []string{"x"}, []string{"x=1", "y=2"}, []string{"x=split("})
}

func TestElementsAreValues(t *testing.T) {
	in := `{"x":[1, 2.5,"a","\u0041",-3,true,[4]]}` + "\n"
	o := runStages(t, in, 1, 1000, buildStage(t, Each, "x=x"), buildStage(t, Select, "y=coalesce(x+1, x)"))
	if want := "{\"y\":2}\n{\"y\":3.5}\n{\"y\":\"a\"}\n{\"y\":\"A\"}\n{\"y\":-2}\n{\"y\":true}\n{\"y\":[4]}\n"; o.out != want {
		t.Errorf("got %s", o.out)
	}
}

func TestDrop(t *testing.T) {
	checkCases(t, Drop, []opCase{
		{name: "fields", words: []string{"a", "c", "nope"}, in: []string{`{"a":1,"b": 2.0,"c":3}`, `{"b": 2.0, "d":1}`, `{"a":1}`},
			want: []string{`{"b":2.0}`, `{"b": 2.0, "d":1}`, `{}`}},
		{name: "duplicates", words: []string{"a"}, in: []string{`{"a":1,"b":2,"a":3}`}, want: []string{`{"b":2}`}},
		{name: "names are flat", words: []string{"a.b", "['o d']"}, in: []string{`{"a":{"b":1},"a.b":2,"o d":3}`}, want: []string{`{"a":{"b":1}}`}},
	})
	checkRefused(t, Drop, nil, []string{"a[0]"}, []string{"['a']['b']"}, []string{""}, []string{"['a"})
}

func TestRename(t *testing.T) {
	checkCases(t, Rename, []opCase{
		{name: "keeps place and bytes", words: []string{"x=a"}, in: []string{`{"a": 1.0, "b":2}`, `{"b": 2}`, `{"b":1,"a":"\u0041"}`},
			want: []string{`{"x":1.0,"b":2}`, `{"b": 2}`, `{"b":1,"x":"\u0041"}`}},
		{name: "replaces", words: []string{"b=a"}, in: []string{`{"a":1,"b":2,"c":3}`, `{"b":2,"a":1}`, `{"b":2}`},
			want: []string{`{"b":1,"c":3}`, `{"b":1}`, `{"b":2}`}},
		{name: "exchanges", words: []string{"a=b", "b=a"}, in: []string{`{"a":1,"b":2}`, `{"a":1}`}, want: []string{`{"b":1,"a":2}`, `{"b":1}`}},
		{name: "itself", words: []string{"a=a"}, in: []string{`{"a":1,"b":2}`}, want: []string{`{"a":1,"b":2}`}},
		{name: "odd names", words: []string{"['x=y']=Task Info", "z=['p=q']"}, in: []string{`{"Task Info":1,"p=q":2}`}, want: []string{`{"x=y":1,"z":2}`}},
		{name: "duplicates", words: []string{"x=a"}, in: []string{`{"a":1,"b":2,"a":3}`}, want: []string{`{"x":1,"b":2,"x":3}`}},
	})
	checkRefused(t, Rename, nil, []string{"a"}, []string{"=a"}, []string{"a="}, []string{"a=b", "a=c"}, []string{"a=c", "b=c"}, []string{"a=b[0]"})
}

// A renamed record behaves as if it had been printed and read again.
func TestRenameBehindEdits(t *testing.T) {
	in := "{\"a\":1,\"b\":2,\"a\":3,\"c\":4}\n{\"c\":5}\n"
	stages := [][]string{{"set", "a=7", "n=a+1"}, {"drop", "b"}, {"rename", "x=a", "c=n"}, {"set", "y=x"}, {"select", "y", "x", "c", "a"}}
	kinds := map[string]Definition{"set": Set, "drop": Drop, "rename": Rename, "select": Select}
	for n := 1; n <= len(stages); n++ {
		var whole []stream.Stage
		text := in
		for _, s := range stages[:n] {
			whole = append(whole, buildStage(t, kinds[s[0]], s[1:]...))
			text = runStages(t, text, 1, 1000, buildStage(t, kinds[s[0]], s[1:]...)).out
		}
		if got := runStages(t, in, 1, 1000, whole...).out; got != text {
			t.Errorf("%d stages: in one process\n%sas a pipe\n%s", n, got, text)
		}
	}
}

func TestShapeTreeStaysBounded(t *testing.T) {
	n := &renamer{shapes: newShapeTree()}
	op := parallelOperator(t, Rename, "x=a")
	for i := range 3 * maxShapes {
		b := oneBatch(t, `{"a":1,"k`+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))+`":2}`)
		if err := op.Process(b, nowhere); err != nil {
			t.Fatal(err)
		}
		n.shapes.shape(append(n.names[:0], b.Records[0].Shape.Names...))
		if n.shapes.size > maxShapes+2 {
			t.Fatalf("%d nodes", n.shapes.size)
		}
	}
}
