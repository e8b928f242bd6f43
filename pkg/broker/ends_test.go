package broker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestEmptyPartitionsGoOn holds that offsets go on behind records that are all
// gone, by retention or by hand, after a restart and after SIGKILL: a group that
// has committed one of them would else read nothing, or all of it again.
func TestEmptyPartitionsGoOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  time.Duration // between two runs of retention
		killed bool
		torn   bool
	}{
		{name: "by hand, ended", every: time.Hour},
		{name: "by hand, killed", every: time.Hour, killed: true},
		{name: "by hand, killed within the next write", every: time.Hour, killed: true, torn: true},
		{name: "by retention, ended", every: 5 * time.Millisecond},
		{name: "by retention, killed", every: 5 * time.Millisecond, killed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var addr string
			var stop func()
			if c.killed {
				t.Setenv(serveCleanup, c.every.String())
				var cmd *exec.Cmd
				addr, cmd = process(t, dir)
				stop = func() { kill(t, cmd) }
			} else {
				b := start(t, Config{Dir: dir, Cleanup: c.every})
				addr, stop = b.Addr()[0], func() {
					if err := b.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
			cl := client(t, addr)
			makeTopic(t, cl, "t", 1, 1, map[string]string{"retention.ms": "86400000"})
			for i := range 5 {
				put(t, cl, "t", "k", fmt.Sprint(i), month)
			}
			if c.every == time.Hour {
				deleteRecords(t, cl, 0)
			} else {
				until(t, "records are not removed", func() bool {
					first, _ := bounds(t, cl, "t")
					return first == 5
				})
			}
			stop()
			if c.torn {
				name := filepath.Join(dir, partitionsName, "t-0", "5"+segmentSuffix)
				if err := os.WriteFile(name, make([]byte, batchHead-1), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			for want := int64(5); want < 8; want++ {
				b := start(t, Config{Dir: dir})
				cl := client(t, b.Addr()[0])
				if first, end := bounds(t, cl, "t"); want == 5 && (first != 5 || end != 5) {
					t.Errorf("%d to %d, want 5 to 5", first, end)
				}
				if want > 5 { // once empty and restarted without a record
					if r := put(t, cl, "t", "k", "new", 0); r.Offset != want-1 {
						t.Errorf("offset %d, want %d", r.Offset, want-1)
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestEndNotedFirst holds that no record is removed before the end is noted, for a
// kill may come between: where it cannot be noted, they stay.
func TestEndNotedFirst(t *testing.T) {
	for _, config := range []string{"cleanup.policy=delete", "cleanup.policy=compact,delete"} {
		t.Run(config, func(t *testing.T) {
			b := start(t, Config{Dir: t.TempDir(), Cleanup: time.Hour})
			cl := client(t, b.Addr()[0])
			makeTopic(t, cl, "t", 1, 1, map[string]string{"retention.ms": "86400000", "cleanup.policy": config[len("cleanup.policy="):]})
			for i := range 5 {
				put(t, cl, "t", "k", fmt.Sprint(i), month)
			}
			note := filepath.Join(b.partitionDir("t", 0), endName)
			obstacle := filepath.Join(note, "x")
			if err := os.MkdirAll(obstacle, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := b.clean(&upkeep{}); err == nil {
				t.Error("the end cannot be noted, and nothing is said")
			}
			deleteRecords(t, cl, 56) // that of a disk
			if first, end := bounds(t, cl, "t"); first != 0 || end != 5 {
				t.Errorf("%d to %d, want 0 to 5", first, end)
			}
			if err := os.RemoveAll(note); err != nil {
				t.Fatal(err)
			}
			if err := b.clean(&upkeep{}); err != nil {
				t.Fatal(err)
			}
			if first, end := bounds(t, cl, "t"); first != 5 || end != 5 {
				t.Errorf("%d to %d, want 5 to 5", first, end)
			}
			if text, err := os.ReadFile(note); err != nil || string(text) != "5" {
				t.Errorf("noted %q, %v", text, err)
			}
		})
	}
}

// deleteRecords deletes all records of a topic, or holds that this ends in an error.
func deleteRecords(t *testing.T, cl *kgo.Client, code int16) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: -1}}}}
	shards := cl.RequestSharded(t.Context(), req)
	for _, s := range shards {
		if s.Err != nil {
			t.Fatal(s.Err)
		}
		p := s.Resp.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0]
		if p.ErrorCode != code {
			t.Errorf("delete records: error %d, want %d", p.ErrorCode, code)
		}
	}
}
