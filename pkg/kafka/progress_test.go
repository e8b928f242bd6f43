package kafka

import (
	"maps"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// TestGroupReadsOnBehindWhatIsDone holds that a member whose generation ends
// before it could commit reads nothing again that it has done.
func TestGroupReadsOnBehindWhatIsDone(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 1000)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, FetchBytes: 1000}
	first := consumer(t, cfg, cc)
	var seen []string
	read := func() *session {
		t.Helper()
		b, err := first.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			seen = append(seen, string(r.Value))
		}
		first.Done(b)
		return b.session
	}
	begun := read() // the first generation
	// Another member comes and goes: the partition is here again, or still.
	cc.FetchBytes = 0
	second := consumer(t, cfg, cc)
	select {
	case <-begun.ctx.Done():
	case <-soon(t).Done():
		t.Fatal("the generation goes on without the second member")
	}
	done := len(seen)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, "x", 1000, 2000)
	for len(seen) < 2000 {
		read()
	}
	if !slices.Equal(seen, numbered(0, 2000)) {
		t.Errorf("%d records in all, %d in the first generation; behind it %.60q", len(seen), done, seen[done:min(done+3, len(seen))])
	}
	if got := commitUpTo(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true}, 0); len(got) > 0 && got[0] == "r0" {
		t.Error("what was done was not committed in the next generation")
	}
}

func TestProgress(t *testing.T) {
	p := part{"x", 0}
	for _, c := range []struct {
		what                string
		begun, done, stored int64 // what the generation before began with, has done and committed
		next                int64 // what the next one finds
		from                int64
		moved               bool
	}{
		{"all committed", 10, 50, 50, 50, 50, false},
		{"nothing committed", 10, 50, 10, 10, 50, true},
		{"a part committed", 10, 50, 30, 30, 50, true},
		{"another member was ahead", 10, 50, 30, 70, 70, false},
		{"another member was not", 10, 50, 30, 40, 50, true},
		{"set back", 10, 50, 30, 0, 0, false},
		{"set back to where it began", 10, 50, 30, 10, 10, false},
		{"nothing done", 10, 0, 10, 10, 10, false},
	} {
		g := newProgress()
		g.ahead(map[part]int64{p: c.begun})
		if c.done > 0 {
			g.done[p] = c.done
		}
		g.stored(map[part]int64{p: c.stored})
		from := map[part]int64{p: c.next}
		moved := g.ahead(from)
		want := map[part]int64{}
		if c.moved {
			want[p] = c.from
		}
		if from[p] != c.from || !maps.Equal(moved, want) {
			t.Errorf("%s: from %d, want %d; moved %v", c.what, from[p], c.from, moved)
		}
		// And what was obeyed stays so.
		if g.ahead(from); from[p] != c.from {
			t.Errorf("%s: the next generation reads from %d", c.what, from[p])
		}
	}
}

// TestGroupCommitsWhatIsDoneBeforeAnotherMemberReadsOn holds that a partition which
// goes to another member is read on there behind what is done here, though this
// member has not come to commit it.
func TestGroupCommitsWhatIsDoneBeforeAnotherMemberReadsOn(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 2)
	produce(t, cfg, "x", 0, 1000)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning}
	first := consumer(t, cfg, cc)
	var seen []string
	for len(seen) < 1000 {
		b, err := first.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, values(b.Records)...)
		first.Done(b)
	}
	second := consumer(t, cfg, cc)
	awaits(t, "a partition of the second member", func() bool { return second.Session() != nil && len(second.Session().Start) > 0 })
	for p, at := range second.Session().Start {
		if at == 0 {
			t.Errorf("%s is read again from its beginning", p)
		}
	}
}
