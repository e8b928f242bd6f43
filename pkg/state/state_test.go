package state

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
)

func text(s string) record.Value { return record.StringValue([]byte(s)) }

var ladder = []record.Value{
	{}, record.BoolValue(false), record.BoolValue(true),
	record.FloatValue(-1e300), record.IntValue(math.MinInt64), record.IntValue(-1 << 53), record.FloatValue(-1.5),
	record.IntValue(0), record.FloatValue(5e-324), record.IntValue(1), record.FloatValue(1.25), record.IntValue(1 << 53),
	record.IntValue(1<<53 + 1), record.IntValue(math.MaxInt64 - 1), record.IntValue(math.MaxInt64), record.FloatValue(1e19),
	text(""), text("\x00"), text("\x00\x00"), text("a"), text("a\x00"), text("a\x00b"), text("a\x01"), text("ab"), text("b"),
	{Kind: record.Object, Bytes: []byte(`{}`)}, {Kind: record.Array, Bytes: []byte(`[1]`)},
}

func TestKeysSortAndReadBack(t *testing.T) {
	for i, a := range ladder {
		ka := AppendKey(nil, a)
		v, rest := CutKey(append(slices.Clone(ka), "rest"...))
		if len(rest) != 4 && a.Kind < record.String {
			t.Errorf("%v: rest %q", a, rest)
		}
		v, rest = CutKey(append(slices.Clone(ka), AppendKey(nil, text("x"))...))
		if !record.Equal(v, a) || v.Kind != a.Kind || len(rest) != 3 {
			t.Errorf("%v reads back as %v, rest %q", a, v, rest)
		}
		for j, b := range ladder {
			if got := bytes.Compare(ka, AppendKey(nil, b)); got != cmp.Compare(i, j) {
				t.Errorf("keys of %v and %v compare %d", a, b, got)
			}
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte("a\x00b"), int64(1<<53+1), 1.5)
	f.Fuzz(func(t *testing.T, s []byte, n int64, x float64) {
		for _, v := range []record.Value{record.StringValue(s), record.IntValue(n), record.FloatValue(x)} {
			got, rest := CutKey(AppendKey(AppendKey(nil, v), record.IntValue(7)))
			seven, rest2 := CutKey(rest)
			if !record.Equal(got, v) || seven.Int() != 7 || len(rest2) != 0 {
				t.Fatalf("%v reads back as %v, then %v", v, got, seven)
			}
		}
	})
}

// TestKeysOfEveryLength holds that keys which differ in one byte are told apart,
// whichever way their length is compared and hashed.
func TestKeysOfEveryLength(t *testing.T) {
	tb := NewTable()
	want := uint32(0)
	for n := range 70 {
		base := bytes.Repeat([]byte{'k'}, n)
		for at := -1; at < n; at++ {
			key := slices.Clone(base)
			if at >= 0 {
				key[at] = 'x'
			}
			if got, fresh := tb.Upsert(HashKey(key), key); got != want || !fresh {
				t.Fatalf("length %d, byte %d: number %d, fresh %v, want %d", n, at, got, fresh, want)
			}
			if got, fresh := tb.Upsert(HashKey(key), key); got != want || fresh {
				t.Fatalf("length %d, byte %d: found as %d, fresh %v", n, at, got, fresh)
			}
			want++
		}
	}
}

// TestTextsAreKeys holds that a text has one number however it is given, that
// the table hands its key out, and that its hash goes to another table.
func TestTextsAreKeys(t *testing.T) {
	a, b := NewTable(), NewTable()
	for n := range 300 {
		text := bytes.Repeat([]byte{'t'}, n)
		key := AppendTextKey(nil, text)
		if got, fresh := a.UpsertText(HashText(text), text); got != uint32(n) || !fresh {
			t.Fatalf("text of %d: number %d, fresh %v", n, got, fresh)
		}
		if got, fresh := a.Upsert(HashText(text), key); got != uint32(n) || fresh {
			t.Fatalf("key of the text of %d: number %d, fresh %v", n, got, fresh)
		}
		if !bytes.Equal(a.Key(uint32(n)), key) {
			t.Fatalf("text of %d: key %q", n, a.Key(uint32(n)))
		}
		b.Upsert(a.Hash(uint32(n)), a.Key(uint32(n)))
		if got, fresh := b.UpsertText(HashText(text), text); got != uint32(n) || fresh {
			t.Fatalf("merged text of %d: number %d, fresh %v", n, got, fresh)
		}
	}
}

// FuzzTable holds a table against a map, with keys of up to 69 bytes cut from the
// input.
func FuzzTable(f *testing.F) {
	f.Add([]byte("a key\x00of some length, and one that is longer than a cell"), uint8(7))
	f.Add(bytes.Repeat([]byte{0}, 100), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		tb, want := NewTable(), map[string]uint32{}
		for round := range 2 {
			for n := range min(70, len(data)+1) {
				for from := 0; from+n <= len(data); from += int(step) + 1 {
					key := data[from : from+n]
					number, ok := want[string(key)]
					if !ok {
						number = uint32(len(want))
						want[string(key)] = number
					}
					tb.Touch([]uint64{HashKey(key)}, make([]uint32, 1))
					got, fresh := tb.Upsert(HashKey(key), key)
					if got != number || fresh == ok || round == 1 && fresh {
						t.Fatalf("%q: number %d, fresh %v, want %d, %v", key, got, fresh, number, !ok)
					}
				}
			}
		}
		for key, n := range want {
			if string(tb.Key(n)) != key {
				t.Fatalf("key %d is %q, want %q", n, tb.Key(n), key)
			}
		}
	})
}

// TestPagedGrows holds that elements stay and new ones are zero.
func TestPagedGrows(t *testing.T) {
	var p paged[int]
	for n := 1; n < 5*pageSize; n += 1 + n/3 {
		p.grow(n)
		if got := *p.at(uint32(n - 1)); got != 0 {
			t.Fatalf("new element %d is %d", n-1, got)
		}
		*p.at(uint32(n - 1)) = n
	}
	for n := 1; n < 5*pageSize; n += 1 + n/3 {
		if got := *p.at(uint32(n - 1)); got != n {
			t.Errorf("element %d is %d", n-1, got)
		}
	}
	p.reset()
	if *p.at(0) != 0 || *p.at(3 * pageSize) != 0 {
		t.Error("elements outlive a reset")
	}
}

func TestTable(t *testing.T) {
	tb := NewTable()
	for round := range 2 {
		for i := range 50_000 {
			key := fmt.Appendf(nil, "key%d", i)
			n, fresh := tb.Upsert(HashKey(key), key)
			if n != uint32(i) || fresh != (round == 0) {
				t.Fatalf("key %d: number %d, fresh %v", i, n, fresh)
			}
		}
	}
	if string(tb.Key(777)) != "key777" || tb.Len() != 50_000 {
		t.Errorf("key 777 is %q, %d keys", tb.Key(777), tb.Len())
	}
}

// fill adds values to one group of a column, in several parts that are merged.
func fill(make func() Column, values []record.Value, parts int) Column {
	total := make()
	total.Grow(1)
	for p := range parts {
		c := make()
		c.Grow(1)
		for i := p; i < len(values); i += parts {
			c.Add([]uint32{0}, values[i:i+1], []Position{{Line: uint32(i)}})
		}
		total.Merge(0, c, 0)
	}
	return total
}

func shuffled(values []record.Value, seed uint64) []record.Value {
	v := slices.Clone(values)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
	return v
}

func TestSumsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var easy, wild []record.Value
	for range 5000 {
		easy = append(easy, record.FloatValue(r.Float64()*12))
		wild = append(wild, record.FloatValue((r.Float64()-0.5)*math.Pow(2, float64(r.IntN(600)-300))))
	}
	for name, values := range map[string][]record.Value{
		"easy": easy, "wild": wild,
		"cancel":   {record.FloatValue(1e300), record.FloatValue(1.5), record.FloatValue(-1e300)},
		"overflow": {record.FloatValue(1.7e308), record.FloatValue(1.7e308), record.FloatValue(-1.7e308), record.FloatValue(0.5)},
		"ints":     {record.IntValue(math.MaxInt64), record.IntValue(math.MaxInt64), record.IntValue(-math.MaxInt64), record.IntValue(3)},
	} {
		want := new(big.Float).SetPrec(sumPrecision)
		for _, v := range values {
			if v.Kind == record.Int {
				want.Add(want, new(big.Float).SetInt64(v.Int()))
			} else {
				want.Add(want, new(big.Float).SetFloat64(v.Float()))
			}
		}
		f, _ := want.Float64()
		for seed := range uint64(4) {
			got := fill(NewSum, shuffled(values, seed), 1+int(seed)).(*Sum).Result(0)
			if !record.Equal(got, record.FloatValue(f)) {
				t.Errorf("%s: %v, want %v", name, got.Float(), f)
			}
		}
	}
}

func TestSumOfIntegersIsExact(t *testing.T) {
	got := fill(NewSum, []record.Value{record.IntValue(1<<53 + 1), record.IntValue(2)}, 2).(*Sum).Result(0)
	if got.Kind != record.Int || got.Int() != 1<<53+3 {
		t.Errorf("got %v", got)
	}
	big := fill(NewSum, []record.Value{record.IntValue(math.MaxInt64), record.IntValue(1)}, 1).(*Sum).Result(0)
	if big.Kind != record.Float || big.Float() != 1<<63 {
		t.Errorf("overflow gives %v", big)
	}
	none := fill(NewSum, []record.Value{{}, text("x")}, 1).(*Sum)
	if none.Result(0).Kind != record.Null || none.Rejected() != 0 && none.Rejected() != 1 {
		t.Errorf("no numbers: %v", none.Result(0))
	}
}

func TestMeanAndDeviation(t *testing.T) {
	var values []record.Value
	for i := range 10 {
		values = append(values, record.FloatValue(1e9+float64(i)+0.5)) // squares lose their digits in float64
	}
	c := fill(func() Column { return NewMoments(true) }, values, 3).(*Moments)
	if m := c.Mean(0).Float(); m != 1e9+5 {
		t.Errorf("mean %v", m)
	}
	if d := c.Deviation(0).Float(); math.Abs(d-3.0276503540974917) > 1e-15 {
		t.Errorf("deviation %v", d)
	}
}

func TestQuantilesAndDistinct(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, next := range map[string]func() float64{
		"many": func() float64 { return r.NormFloat64() },
		"few":  func() float64 { return float64(r.IntN(40)) - 3 },
	} {
		var values []record.Value
		var plain []float64
		seen := map[float64]bool{}
		for range 30_000 {
			f := next()
			values, plain = append(values, record.FloatValue(f)), append(plain, f)
			seen[f] = true
		}
		sort.Float64s(plain)
		for parts := range 3 {
			c := fill(func() Column { return NewNumbers(true, true) }, values, parts+1).(*Numbers)
			for _, q := range [][2]int64{{1, 2}, {95, 100}, {999, 1000}, {0, 1}, {1, 1}} {
				want := plain[max(1, int(math.Ceil(float64(q[0])*float64(len(plain))/float64(q[1]))))-1]
				if got := c.Quantile(0, q[0], q[1]).Float(); got != want {
					t.Errorf("%s: quantile %v = %v, want %v", name, q, got, want)
				}
			}
			if got := c.Distinct(0).Int(); got != int64(len(seen)) {
				t.Errorf("%s: distinct %d, want %d", name, got, len(seen))
			}
			a := fill(NewApproxQuantiles, values, parts+1).(*ApproxQuantiles)
			exact := plain[28499]
			if got := a.Result(0, 95, 100).Float(); math.Abs(got-exact) > SketchError*math.Abs(exact)+1e-12 {
				t.Errorf("%s: approximate p95 %v, exact %v", name, got, exact)
			}
		}
	}
}

func TestDistinctOfMixedValues(t *testing.T) {
	values := []record.Value{record.IntValue(1), record.FloatValue(1.0), text("1"), text("1"), record.BoolValue(true), {},
		record.IntValue(1 << 60), record.IntValue(1<<60 + 1), record.IntValue(1 << 60)}
	if got := fill(func() Column { return NewNumbers(true, true) }, values, 2).(*Numbers).Distinct(0).Int(); got != 5 {
		t.Errorf("distinct %d, want 5", got)
	}
}

func TestApproxDistinct(t *testing.T) {
	for _, n := range []int{10, 1024, 1025, 50_000} {
		var values []record.Value
		for i := range n {
			values = append(values, record.IntValue(int64(i)), record.IntValue(int64(i)))
		}
		one := fill(NewApproxDistinct, values, 1).(*ApproxDistinct).Result(0).Int()
		for parts := 2; parts < 5; parts++ {
			if got := fill(NewApproxDistinct, shuffled(values, 9), parts).(*ApproxDistinct).Result(0).Int(); got != one {
				t.Errorf("%d values in %d parts: %d, in one %d", n, parts, got, one)
			}
		}
		if math.Abs(float64(one)-float64(n)) > 0.03*float64(n) || n <= exactDistinct && one != int64(n) {
			t.Errorf("%d values: estimate %d", n, one)
		}
	}
}

func TestExtremesAndTopK(t *testing.T) {
	values := []record.Value{text("b"), {}, text("a"), text("c"), text("a")}
	for parts := range 4 {
		if got := fill(NewMin, values, parts+1).(*Extreme).Result(0); string(got.Bytes) != "a" {
			t.Errorf("min %q", got.Bytes)
		}
		if got := fill(NewMax, values, parts+1).(*Extreme).Result(0); string(got.Bytes) != "c" {
			t.Errorf("max %q", got.Bytes)
		}
		if got := fill(NewFirst, values, parts+1).(*Extreme).Result(0); string(got.Bytes) != "b" {
			t.Errorf("first %q", got.Bytes)
		}
		if got := fill(NewLast, values, parts+1).(*Extreme).Result(0); string(got.Bytes) != "a" {
			t.Errorf("last %q", got.Bytes)
		}
		if got := fill(NewTopK, values, parts+1).(*TopK).Result(0, 2); string(got.Bytes) != `[{"value":"a","count":2},{"value":"b","count":1}]` {
			t.Errorf("topk %s", got.Bytes)
		}
	}
}
