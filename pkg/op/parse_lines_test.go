package op

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// TestLinesBetweenStages holds that stages which write and read lines that are no
// records give in one process what they give one behind the other, with line ends,
// carriage returns, quotes and byte order marks within the values.
func TestLinesBetweenStages(t *testing.T) {
	rows := `{"a":"x\ny","b":"1\r\n2"}` + "\n" + `{"a":"\r","b":"\"q\" \n"}` + "\n" + `{"a":"","b":null}` + "\n" + `{"a":"\ufeff\n\n","b":"z\r"}` + "\n"
	csv := "\xef\xbb\xbf\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\r\n2,\"stray\n3,\"q\"\"\n\"\"\",4\n5,\"6\"\n\n7,\"end\n"
	log := strings.Repeat(logLines[0]+"\r\n\n", 3) + "bad \x1b line\n" + logLines[1]
	for _, c := range []struct {
		in     string
		stages [][]string
	}{
		{csv, [][]string{{"head", "100"}, {"parse", "csv"}}},
		{csv, [][]string{{"head", "100"}, {"parse", "csv", "--fields", "a,b"}}},
		{csv, [][]string{{"head", "3"}, {"parse", "csv"}, {"parse", "csv", "--fields", "x", "--delimiter", ";"}}},
		{csv, [][]string{{"head", "100"}, {"head", "100"}, {"parse", "text"}}},
		{csv, [][]string{{"parse", "csv"}, {"table", "--csv", "b"}, {"parse", "csv"}}},
		{csv, [][]string{{"parse", "text"}, {"parse", "csv"}}},
		{rows, [][]string{{"table", "--csv"}, {"parse", "text"}}},
		{rows, [][]string{{"table", "--csv"}, {"parse", "csv"}, {"sort", "b"}}},
		{rows, [][]string{{"table", "--csv", "a", "b"}, {"head", "4"}, {"parse", "csv"}}},
		{rows, [][]string{{"table", "--tsv"}, {"head", "4"}, {"parse", "delimited", "--fields", "a,b", "--delimiter", `\t`}}},
		{rows, [][]string{{"table", "--csv", "a"}, {"head", "3"}, {"head", "10"}}},
		{rows, [][]string{{"set", "c=a"}, {"head", "3"}, {"parse", "json"}, {"parse", "csv", "--fields", "x", "--delimiter", ";"}}},
		{log, [][]string{{"head", "100"}, {"parse", "access"}}},
		{log, [][]string{{"head", "100"}, {"parse", "json"}}},
	} {
		build := func(words []string) stream.Stage {
			for _, d := range []Definition{Head, Parse, Table, Sort, Set} {
				if d.Name == words[0] {
					return buildStage(t, d, words[1:]...)
				}
			}
			return nil
		}
		piped := c.in
		for _, words := range c.stages {
			piped = runStages(t, piped, 1, 1<<20, build(words)).out
		}
		o := everyWay(t, c.in, func() (list []stream.Stage) {
			for _, words := range c.stages {
				list = append(list, build(words))
			}
			return list
		})
		if o.out != piped || piped == "" && c.stages[1][1] != "json" {
			t.Errorf("%q:\n%swant\n%s", c.stages, o.out, piped)
		}
	}
}

// TestLongRecordBetweenStages skips a record that is too long to be held and goes
// on behind it.
func TestLongRecordBetweenStages(t *testing.T) {
	in := "a,b\n1,x\n2,\"" + strings.Repeat(strings.Repeat("text ", 200)+"\n", stream.MaxLine/1000+100) + "\"\n3,y\n"
	o := runStages(t, in, 2, 1<<20, buildStage(t, Head, "1000000"), buildStage(t, Parse, "csv"))
	if want := `{"a":"1","b":"x"}` + "\n" + `{"a":"3","b":"y"}` + "\n"; o.out != want || o.ledger.Rejected != 1 {
		t.Errorf("%d bytes, %v", len(o.out), o.errs)
	}
}

// acking is a source that tells how far its input has been acknowledged.
type acking struct {
	stream.Source
	read, acked int
}

func (s *acking) Read(ctx context.Context) (*stream.Block, error) {
	b, err := s.Source.Read(ctx)
	if b != nil {
		n, ack := len(b.Data), b.Ack
		s.read += n
		b.Ack = func(err error) {
			s.acked += n
			if ack != nil {
				ack(err)
			}
		}
	}
	return b, err
}

// TestFramedSource reads csv from a source that cuts its blocks by lines: the
// records are those of the whole text, and every block is acknowledged, not before
// its last record has come.
func TestFramedSource(t *testing.T) {
	in := "a,b\n1,\"x\ny\"\n2,\"stray\n3,\"q\"\"\n\"\"\",4\n5,\"6\"\n\n7,\"end\n\"\n8,\"open\n9,z\n"
	framer := stream.FramerOf([]stream.Stage{buildStage(t, Parse, "csv")})
	var want []string
	for at := 0; at < len(in); {
		_, n := framer.Next([]byte(in)[at:])
		want = append(want, in[at:at+n])
		at += n
	}
	for size := 1; size < 40; size++ {
		src := &acking{Source: stream.NewReader(chunked{strings.NewReader(in), size}, "", nil)}
		s := stream.Framed(src, framer)
		var got []string
		handed := 0
		for {
			b, err := s.Read(t.Context())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if cap(b.Data)-len(b.Data) < record.Padding {
				t.Fatal("no padding")
			}
			handed += len(b.Data)
			for at := 0; at < len(b.Data); {
				_, n := framer.Next(b.Data[at:])
				got = append(got, string(b.Data[at:at+n]))
				at += n
			}
			if b.Ack != nil {
				b.Ack(nil)
			}
			if src.acked > handed {
				t.Fatalf("pieces of %d: %d bytes acknowledged of %d", size, src.acked, handed)
			}
		}
		if !slices.Equal(got, want) || src.acked != len(in) {
			t.Fatalf("pieces of %d: %q, want %q; %d of %d acknowledged", size, got, want, src.acked, len(in))
		}
	}
}
