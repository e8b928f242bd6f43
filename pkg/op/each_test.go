package op

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

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

// FuzzEach makes records of the elements of any array: each prints as it was
// written and reads as the same value.
func FuzzEach(f *testing.F) {
	for _, s := range []string{`1`, `1.50, -0, 1e3,123456789012345678901`, `9223372036854775807,-9223372036854775808,9223372036854775808,1000000000000000001`, `"a","\u0041\n","é"`, `{"a":[1]},[ ],null,true,false`, ` "x" , 2 `} {
		f.Add(s)
	}
	x := record.FlatField("x")
	f.Fuzz(func(t *testing.T, elements string) {
		b, s := stream.NewBatch(), record.NewScanner()
		r := b.New()
		r.Reset([]byte(`{"x":[`+elements+`]}`), &b.Arena)
		if strings.Contains(elements, "\n") || stream.IndexLine(s, r) != nil || r.Shape.Index(x.Name()) != 0 || len(r.Spans) != 1 {
			return
		}
		var want [][]byte
		record.EachElement(r.Get(x).Bytes, func(v []byte) bool { want = append(want, bytes.Clone(v)); return true })
		n := 0
		err := parallelOperator(t, Each, "x=x").Process(b, func(b *stream.Batch) error {
			for i, r := range b.Records {
				if got := r.AppendJSON(nil); string(got) != `{"x":`+string(want[n+i])+`}` {
					t.Errorf("element %s printed as %s", want[n+i], got)
				}
				if got := r.Get(x); !record.Equal(got, record.DecodeJSON(want[n+i])) {
					t.Errorf("element %s read as %v", want[n+i], got)
				}
			}
			n += len(b.Records)
			return nil
		})
		if err != nil || n != len(want) {
			t.Fatalf("%d records of %d elements, %v", n, len(want), err)
		}
	})
}

// TestEachOfLongArrays holds that records keep what stages before have made of
// them over the batches of a long array, whatever stands behind.
func TestEachOfLongArrays(t *testing.T) {
	var in, want, odd strings.Builder
	for i := range 4 {
		fmt.Fprintf(&in, `{"i":%d,"n":%d}`+"\n", i, 1000*i)
		for k := range 1000 * i {
			row := fmt.Sprintf(`{"i":%d,"n":%d,"s":"é%d","x":%d}`+"\n", i, 1000*i, i, k)
			want.WriteString(row)
			if k%2 == 1 {
				odd.WriteString(row)
			}
		}
	}
	expand := func() []stream.Stage {
		return []stream.Stage{buildStage(t, Set, "s=concat('é', i)"), buildStage(t, Parse, "json"), buildStage(t, Each, "x=range(0, n)")}
	}
	for _, behind := range []struct {
		stages func() []stream.Stage
		want   string
	}{
		{func() []stream.Stage { return nil }, want.String()},
		{func() []stream.Stage { return []stream.Stage{buildStage(t, Head, "100000")} }, want.String()},
		{func() []stream.Stage {
			return []stream.Stage{buildStage(t, Where, "x % 2 == 1"), buildStage(t, Head, "100000")}
		}, odd.String()},
		{func() []stream.Stage {
			return []stream.Stage{buildStage(t, Each, "x=x"), buildStage(t, Head, "100000")}
		}, want.String()},
		{func() []stream.Stage {
			return []stream.Stage{buildStage(t, Head, "100000"), buildStage(t, Each, "x=x")}
		}, want.String()},
		{func() []stream.Stage { return []stream.Stage{buildStage(t, Aggregate, "count", "sum(x)")} }, `{"count":6000,"sum_x":6997000}` + "\n"},
		{func() []stream.Stage {
			return []stream.Stage{buildStage(t, Head, "1500"), buildStage(t, Aggregate, "count")}
		}, `{"count":1500}` + "\n"},
	} {
		o := everyWay(t, in.String(), func() []stream.Stage { return append(expand(), behind.stages()...) })
		if o.out != behind.want {
			t.Errorf("%d stages behind: %s", len(behind.stages()), firstDifference(o.out, behind.want))
		}
	}
}
