package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKilledInTransaction holds that what is committed behind a transaction that a
// SIGKILL of the broker has cut short is read, that the cut one is not, and that its
// producer, which lives on, cannot commit the rest of it.
func TestKilledInTransaction(t *testing.T) {
	for _, torn := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a torn write at the end: %t", torn), func(t *testing.T) {
			dir := t.TempDir()
			addr, cmd := process(t, dir)
			cl := client(t, addr)
			makeTopic(t, cl, "t", 1, 1, nil)
			put(t, cl, "t", "k", "plain", 0)
			first := transactional(t, addr)
			if err := first.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := first.ProduceSync(t.Context(), kgo.StringRecord("cut")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			cmd.Process.Kill()
			cmd.Wait()
			if torn {
				f, err := os.OpenFile(filepath.Join(dir, partitionsName, "t-0", "0"+segmentSuffix), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.Write(make([]byte, 70)); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
			b := start(t, Config{Dir: dir, Listen: addr})
			if err := first.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
				t.Error("a transaction that the broker has aborted was committed")
			}
			second := transactional(t, b.Addr()[0])
			if err := second.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := second.ProduceSync(t.Context(), kgo.StringRecord("whole")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := second.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and behind a clean end
				if got, want := committedValues(t, b.Addr()[0], 2), []string{"plain", "whole"}; !slices.Equal(got, want) {
					t.Errorf("read %q, want %q", got, want)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				b = start(t, Config{Dir: dir, Listen: addr})
			}
		})
	}
}

func transactional(t *testing.T, addr string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.TransactionalID("id"), kgo.DefaultProduceTopic("t"), kgo.RetryTimeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// committedValues reads n committed records of the topic, and what comes with them.
func committedValues(t *testing.T, addr string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("behind %q: %v", got, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

// TestShortIndex holds that an index which a kill has left shorter than its log is
// made whole: kfake would take the next entry for that of the last batch.
func TestShortIndex(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Config{Dir: dir, Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, nil)
	for range 3 {
		put(t, cl, "t", "k", "v", 0)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, cleanName)); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, partitionsName, "t-0", "0"+indexSuffix)
	for _, cut := range []int64{1, indexSize, indexSize + 4} {
		if err := os.Truncate(index, 3*indexSize-cut); err != nil {
			t.Fatal(err)
		}
		if err := recoverDir(dir); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(index); err != nil || len(text) != 3*indexSize {
			t.Errorf("cut by %d: %d bytes, %v; want %d", cut, len(text), err, 3*indexSize)
		}
	}
}
