package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKilledCompaction holds that a broker which is killed again and again while
// it compacts loses no key's last value that was acknowledged.
func TestKilledCompaction(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(serveCleanup, "1ms")
	want := map[string]string{}
	value := strings.Repeat("x", 2000)
	n := 0
	for round := range 6 {
		addr, cmd := process(t, dir)
		cl := client(t, addr, kgo.ProducerBatchCompression(kgo.NoCompression()))
		if round == 0 {
			makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "20000"})
		}
		// The time to the kill begins when each key was acknowledged: a slow machine
		// would come to none.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var killer *time.Timer
		for acked := 0; ctx.Err() == nil; n++ {
			key := fmt.Sprint("k", n%31)
			r := &kgo.Record{Topic: "t", Key: []byte(key), Value: fmt.Append(nil, n, value)}
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				delete(want, key) // it may be there or not
				continue
			}
			want[key] = string(r.Value)
			if acked++; acked == 31 {
				killer = time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, cancel)
			}
		}
		cancel()
		kill(t, cmd)
		if killer == nil {
			t.Fatalf("round %d: only %d records were sent in a minute", round, n)
		}
	}
	b := start(t, Config{Dir: dir})
	got := latest(all(t, b.Addr()[0], "t"))
	if len(want) < 20 {
		t.Fatalf("only %d keys are left of %d records", len(want), n)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %.10s, want %.10s", key, got[key], value)
		}
	}
}

// TestCompactionCutShort holds that segments which a compaction had taken away
// are back after a restart, wherever it was cut short; and that those which it
// had finished are used.
func TestCompactionCutShort(t *testing.T) {
	b := start(t, Config{Dir: t.TempDir(), Cleanup: time.Hour})
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact"})
	for i := range 20 {
		put(t, cl, "t", fmt.Sprint(i), "v", 0)
	}
	topics, err := b.inside.topics()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.keepSegments(topics); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(b.partitionDir("t", 0), "0"+segmentSuffix)
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(b.Dir(), compactionName, "t-0")
	links, err := os.ReadDir(kept)
	if err != nil || len(links) < 2 {
		t.Fatal(links, err)
	}
	for _, size := range []int{-1, 0, 1, len(whole) / 2, len(whole) - 1, len(whole)} {
		if err := os.MkdirAll(kept, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(kept, "0"+segmentSuffix), whole, 0o666); err != nil {
			t.Fatal(err)
		}
		os.Remove(segment)
		if size >= 0 {
			if err := os.WriteFile(segment, whole[:size], 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := recoverDir(b.Dir()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(segment); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%d of %d bytes were written: %d after the restart, %v", size, len(whole), len(got), err)
		}
		if _, err := os.Stat(filepath.Dir(kept)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("links are left: %v", err)
		}
	}
	again := start(t, Config{Dir: b.Dir()})
	if got := all(t, again.Addr()[0], "t"); len(got) != 20 {
		t.Errorf("%d records, want 20", len(got))
	}
}

func FuzzLastOffset(f *testing.F) {
	batch := make([]byte, 61)
	batch[11] = 49 // length
	batch[26] = 3  // last offset delta
	f.Add(batch)
	f.Add(append(batch, batch...))
	f.Add(batch[:60])
	f.Fuzz(func(t *testing.T, segment []byte) {
		end, err := lastOffset(bytes.NewReader(segment))
		if err != nil {
			t.Error(err)
		}
		if end < 0 || len(segment) < 61 && end > 0 && len(segment) < 27 {
			t.Errorf("end %d of %d bytes", end, len(segment))
		}
	})
}
