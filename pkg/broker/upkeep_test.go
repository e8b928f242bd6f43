package broker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const month = 30 * 24 * time.Hour

// put sends one record as a batch of its own.
func put(t *testing.T, cl *kgo.Client, topic, key, value string, age time.Duration) *kgo.Record {
	t.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Timestamp: time.Now().Add(-age)}
	if value == "" {
		r.Value = nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return r
}

// bounds asks where partition 0 of a topic begins and ends.
func bounds(t *testing.T, cl *kgo.Client, topic string) (first, end int64) {
	t.Helper()
	var found [2]int64
	for i, at := range []int64{-2, -1} {
		req := kmsg.NewPtrListOffsetsRequest()
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Timestamp = at
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := req.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		found[i] = resp.Topics[0].Partitions[0].Offset
	}
	return found[0], found[1]
}

// all reads partition 0 of a topic from its beginning to its end.
func all(t *testing.T, addr, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := client(t, addr)
	first, end := bounds(t, cl, topic)
	var got []*kgo.Record
	if first == end {
		return nil
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(first)}})
	for len(got) == 0 || got[len(got)-1].Offset < end-1 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d records: %v", len(got), err)
		}
		got = append(got, fetches.Records()...)
	}
	return got
}

// until waits for something that housekeeping brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal(what)
		}
	}
}

// TestRetentionOfTopics holds what retention leaves of five records, the first
// three of which are a month old: by the broker's seven days and by a topic's own
// settings. The earliest offset moves, and what comes next has the next offset.
func TestRetentionOfTopics(t *testing.T) {
	b := start(t, Config{Cleanup: time.Hour})
	cl := client(t, b.Addr()[0], kgo.ProducerBatchCompression(kgo.NoCompression()))
	for name, c := range map[string]struct {
		config map[string]string
		first  int64
	}{
		"default":       {nil, 3},
		"ms":            {map[string]string{"retention.ms": "86400000"}, 3},
		"ms-short":      {map[string]string{"retention.ms": "1"}, 5},
		"ms-long":       {map[string]string{"retention.ms": strconv.FormatInt((2 * month).Milliseconds(), 10)}, 0},
		"for-ever":      {map[string]string{"retention.ms": "-1"}, 0},
		"bytes":         {map[string]string{"retention.ms": "-1", "retention.bytes": "2500"}, 3},
		"bytes-enough":  {map[string]string{"retention.ms": "-1", "retention.bytes": "100000"}, 0},
		"both":          {map[string]string{"retention.ms": "86400000", "retention.bytes": "1500"}, 4},
		"compact":       {map[string]string{"cleanup.policy": "compact"}, 0},
		"compact-and":   {map[string]string{"cleanup.policy": "compact,delete"}, 3},
		"compact-after": {map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}, 0},
	} {
		makeTopic(t, cl, name, 1, 1, c.config)
		for i := range 5 {
			age := time.Duration(0)
			if i < 3 {
				age = month
			}
			put(t, cl, name, fmt.Sprint(i), fmt.Sprintf("%01000d", i), age)
		}
		run := func() (first int64) {
			t.Helper()
			if err := b.clean(&upkeep{}); err != nil {
				t.Fatal(err)
			}
			first, _ = bounds(t, cl, name)
			return first
		}
		until(t, name, func() bool { return run() == c.first })
		run() // changes nothing
		if first, end := bounds(t, cl, name); first != c.first || end != 5 {
			t.Errorf("%s: %d to %d, want %d to 5", name, first, end, c.first)
		}
		if got := all(t, b.Addr()[0], name); len(got) != int(5-c.first) {
			t.Errorf("%s: %d records from %d on", name, len(got), c.first)
		}
		if r := put(t, cl, name, "next", "x", 0); r.Offset != 5 {
			t.Errorf("%s: the next record has offset %d, want 5", name, r.Offset)
		}
	}
}

// TestRetentionChanges holds that a setting that is changed later counts.
func TestRetentionChanges(t *testing.T) {
	b := start(t, Config{Cleanup: 10 * time.Millisecond})
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, map[string]string{"retention.ms": "-1"})
	put(t, cl, "t", "k", "v", month)
	value := "1000"
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t",
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}}}
	if _, err := req.RequestWith(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
	until(t, "the record stays", func() bool { first, _ := bounds(t, cl, "t"); return first == 1 })
}

// latest are the values by key.
func latest(records []*kgo.Record) map[string]string {
	values := map[string]string{}
	for _, r := range records {
		values[string(r.Key)] = string(r.Value)
	}
	return values
}

// TestCompaction holds that the last value of each key stays, with its offset,
// that the others go, old tombstones too, and that a restart changes nothing.
func TestCompaction(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Cleanup: 10 * time.Millisecond}
	b := start(t, cfg)
	cl := client(t, b.Addr()[0])
	makeTopic(t, cl, "t", 1, 1, map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "1000"})
	want, offsets := map[string]string{}, map[int64]bool{}
	last := map[string]int64{}
	for i := range 100 {
		key := fmt.Sprint("k", i%7)
		r := put(t, cl, "t", key, fmt.Sprint(i), month) // retention would take it
		want[key], last[key] = string(r.Value), r.Offset
	}
	put(t, cl, "t", "k3", "", month) // a tombstone that is old
	delete(want, "k3")
	delete(last, "k3")
	for _, o := range last {
		offsets[o] = true
	}
	newest := put(t, cl, "t", "newest", "x", 0) // the newest batch is not compacted
	want["newest"], offsets[newest.Offset] = "x", true

	check := func(addr string) {
		t.Helper()
		var got []*kgo.Record
		until(t, "not compacted", func() bool { got = all(t, addr, "t"); return len(got) == len(want) })
		if !maps.Equal(latest(got), want) {
			t.Errorf("got  %v\nwant %v", latest(got), want)
		}
		for _, r := range got {
			if !offsets[r.Offset] {
				t.Errorf("offset %d of %s", r.Offset, r.Key)
			}
		}
	}
	check(b.Addr()[0])
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Cleanup = time.Hour
	b = start(t, cfg)
	check(b.Addr()[0])
	if _, err := os.Stat(filepath.Join(b.Dir(), compactionName)); err == nil {
		t.Error("links to old segments are left")
	}

	// Where nothing is new, nothing is written.
	u := &upkeep{}
	if err := b.clean(u); err != nil {
		t.Fatal(err)
	}
	segments := filepath.Join(b.partitionDir("t", 0), "*"+segmentSuffix)
	before := inodes(t, segments)
	if err := b.clean(u); err != nil {
		t.Fatal(err)
	}
	if after := inodes(t, segments); !slices.EqualFunc(before, after, os.SameFile) {
		t.Error("written again")
	}
}

func inodes(t *testing.T, pattern string) []os.FileInfo {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	var list []os.FileInfo
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, info)
	}
	return list
}
