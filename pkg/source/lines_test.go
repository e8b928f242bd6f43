package source

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// openLines cuts text as spooldir does.
func openLines(t *testing.T, w *blockWindow, text string) deserializer {
	t.Helper()
	how := deserializers{kind: lineDeserializer, maxLine: 1 << 20, input: "UTF-8", output: "UTF-8", onBad: "REPLACE"}
	if problems := how.check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	return must(how.open(strings.NewReader(text), 0, w, func(int) {}))
}

// manyLines is text of lines of very different lengths, some of them no UTF-8,
// the last one without its end.
func manyLines(seed uint64, size int) string {
	r := rand.New(rand.NewPCG(seed, 0))
	var text strings.Builder
	for text.Len() < size {
		n := r.IntN(300)
		switch r.IntN(200) {
		case 0:
			n = r.IntN(3 * blockSize)
		case 1:
			if seed%2 == 0 { // what is no UTF-8 takes the other way
				text.WriteString("\xff")
			}
		}
		fmt.Fprintf(&text, "%0*d\n", n, text.Len())
	}
	return text.String() + "end"
}

// TestLinesShareBlocks reads several files whose events go to another goroutine,
// which looks at them while their blocks are read into, and gives them back.
func TestLinesShareBlocks(t *testing.T) {
	const files = 20
	var w blockWindow
	var taking sync.WaitGroup
	taken := make(chan []flume.Event, 30)
	var got []string
	direct := 0
	taking.Go(func() {
		for events := range taken {
			for len(events) > 0 {
				text, n := flume.Lines(events)
				direct += n
				if n == 0 {
					text, n = append(slices.Clone(events[0].Body), '\n'), 1
				}
				got = append(got, strings.Split(string(text[:len(text)-1]), "\n")...)
				flume.Release(events[:n])
				events = events[n:]
			}
		}
	})
	var want []string
	for file := range files {
		text := manyLines(uint64(file), 1<<uint(file))
		want = append(want, strings.Split(strings.ToValidUTF8(text, "\uFFFD"), "\n")...)
		d := openLines(t, &w, text)
		for {
			events, end, err := d.next(100, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				if end != int64(len(text)) {
					t.Fatalf("%d bytes of %d are read", end, len(text))
				}
				break
			}
			taken <- slices.Clone(events)
		}
	}
	close(taken)
	taking.Wait()
	if len(got) != len(want) || direct < len(want)/2 {
		t.Fatalf("%d events of %d, %d of them as lines", len(got), len(want), direct)
	}
	compareBodies(t, got, want)
}

// TestLinesAreOfOneBlock holds that events do not lie in memory of their own, and
// that a file is read into few blocks.
func TestLinesAreOfOneBlock(t *testing.T) {
	text := strings.Repeat("0123456789\n", blockSize/11*4)
	var w blockWindow
	d := openLines(t, &w, text)
	pieces := 0
	var all []byte
	for {
		events, _, err := d.next(100, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for len(events) > 0 {
			text, n := flume.Lines(events)
			if n == 0 {
				t.Fatalf("the line behind %d bytes lies alone", len(all))
			}
			all, events = append(all, text...), events[n:]
			pieces++
		}
	}
	if !bytes.Equal(all, []byte(text)) {
		t.Error("other lines than those of the text")
	}
	if most := len(text)/1100 + 1 + 5; pieces > most {
		t.Errorf("%d pieces, more than %d", pieces, most)
	}
}

// TestAhead holds that a source reads ahead of what its channel has room for, and
// no further.
func TestAhead(t *testing.T) {
	for _, test := range []struct{ capacity, inside, size, want int }{
		{10000, 0, 100, mostAhead},
		{10000, 9050, 100, 900},
		{10000, 9950, 100, 100},
		{10000, 10000, 100, 100},
		{10000, 0, 300, mostAhead / 300 * 300},
		{10000, 0, 2000, 2000},
	} {
		c := configure(t, channel.NewMemory, fmt.Sprint("capacity=", test.capacity), "transactionCapacity=10000")
		out := NewOutput(t.Context(), OutputConfig{Required: []flume.Channel{c}})
		if test.inside > 0 {
			if err := out.Put(make([]flume.Event, test.inside)); err != nil {
				t.Fatal(err)
			}
		}
		if got := out.Ahead(test.size); got != test.want {
			t.Errorf("%+v: reads %d ahead", test, got)
		}
	}
}
