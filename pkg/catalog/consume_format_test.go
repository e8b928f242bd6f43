package catalog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// FuzzFormat reads anything as a format: what is one prints a record, whose value
// stands in it as often as it is asked for.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{`%s\n`, `%t/%p/%o %T %k %K %S %R %h%%\x41\t\r\\` + "\n", "%", `\x4`, `%z\n`} {
		f.Add(text, []byte("value"))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		var format recordFormat
		if format.Set(text) != nil {
			return
		}
		out := format.append(nil, &kafka.Record{Topic: "t", Key: []byte("k"), Value: value, Headers: []kafka.Header{{Key: "h"}}})
		asked := strings.Count(strings.ReplaceAll(strings.ReplaceAll(text, `\\`, ""), "%%", ""), "%s")
		if len(value) > 0 && bytes.Count(out, value) < min(asked, 1) {
			t.Errorf("%q of %q: %q", text, value, out)
		}
	})
}

// TestFormatOfRpk holds that what rpk has behind the letter of a part is no text.
func TestFormatOfRpk(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{`%k{hex}\n`, false}, {`%v{base64raw}`, false}, {`%p{big32}%o`, false}, {`%v{unpack[<iq]}\n`, false}, {`%d{strftime[%F]}`, false},
		{`%d{go[2006-01-02]}`, false}, {`%h{%k=%v,}\n`, false}, {`%o{ascii}`, false},
		{`{"k":"%k","v":{%s}}\n`, true}, {`%k{%s}\n`, true}, {`%t{}`, true}, {`%k\x7bhex}`, true}, {`%%k{hex}`, true}, {`%k{hexagon of %s`, true},
	} {
		err := new(recordFormat).Set(c.text)
		if c.ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "a way of rpk") {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// TestPassed holds that a batch without any record that is wanted is committed
// when all before it in its partition are, and not before.
func TestPassed(t *testing.T) {
	batch := func(partition int32, offset int64) kafka.Batch {
		return kafka.Batch{Topic: "t", Partition: partition, Records: []kafka.Record{{Offset: offset}}}
	}
	p := &passed{open: map[place]int{}, after: map[place]kafka.Batch{}}
	if !p.unwanted(batch(0, 1)) {
		t.Error("nothing is before the first batch")
	}
	p.begun(batch(0, 2))
	p.begun(batch(0, 3))
	if p.unwanted(batch(0, 4)) || p.unwanted(batch(0, 5)) {
		t.Error("two batches are on their way")
	}
	if !p.unwanted(batch(1, 9)) {
		t.Error("another partition does not wait")
	}
	if _, ok := p.ended(batch(0, 2), true); ok {
		t.Error("one batch is still on its way")
	}
	if next, ok := p.ended(batch(0, 3), true); !ok || next.Next() != 6 {
		t.Errorf("after the last: %v %v", next, ok)
	}
	p.begun(batch(0, 6))
	p.unwanted(batch(0, 7))
	if _, ok := p.ended(batch(0, 6), false); ok {
		t.Error("a batch that was not written does not let what is behind it be committed")
	}
}
