package op

import (
	"fmt"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

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
	tree := newShapeTree()
	for i := range 3 * maxShapes {
		name := fmt.Sprintf("k%d", i)
		shape := tree.shape([]*record.Name{record.Intern("x"), record.Intern(name)})
		if len(shape.Names) != 2 || shape.Names[1].String() != name {
			t.Fatalf("%s: %v", name, shape.Names)
		}
		if tree.size > maxShapes+2 {
			t.Fatalf("%d nodes", tree.size)
		}
	}
}
