package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestFailedWrite holds that the first write that fails ends the broker before the
// request that wanted it is answered, whatever it was, and that a start behind it
// finds what was acknowledged. A folder stands where the file would be: that fails
// for root too.
func TestFailedWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a broker that stands still has its files open, which cannot be removed then")
	}
	for _, c := range []struct {
		name, file string // file in the folder of the broker
		ask        func(ctx context.Context, cl *kgo.Client) error
	}{
		{"records", "partitions/t-0/0" + segmentSuffix, func(ctx context.Context, cl *kgo.Client) error {
			// One that is sent again is a repeat to kfake, and would be acknowledged.
			return cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr()
		}},
		{"index of records", "partitions/t-0/0" + indexSuffix, func(ctx context.Context, cl *kgo.Client) error {
			return cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr()
		}},
		{"topic", "topics.json.tmp", func(ctx context.Context, cl *kgo.Client) error {
			req := kmsg.NewPtrCreateTopicsRequest()
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = "more", 1, 1
			req.Topics = append(req.Topics, rt)
			resp, err := req.RequestWith(ctx, cl)
			if err == nil {
				err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
			}
			return err
		}},
		{"offset of a group", "groups.log", commitOffset},
		{"deletion of a group", "groups.log", func(ctx context.Context, cl *kgo.Client) error {
			req := kmsg.NewPtrDeleteGroupsRequest()
			req.Groups = []string{"g"}
			resp, err := req.RequestWith(ctx, cl)
			if err == nil {
				err = kerr.ErrorForCode(resp.Groups[0].ErrorCode)
			}
			return err
		}},
		{"producer", "pids.log", func(ctx context.Context, cl *kgo.Client) error {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr("id"), 60000
			resp, err := req.RequestWith(ctx, cl)
			if err == nil {
				err = kerr.ErrorForCode(resp.ErrorCode)
			}
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, listen := t.TempDir(), logpipetest.OwnAddress(t)
			b, err := Start(t.Context(), Config{Dir: dir, Listen: listen})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			// Versions that name topics, not their ids.
			cl := client(t, b.Addr()[0], kgo.AllowIdempotentProduceCancellation(), kgo.MaxVersions(kversion.V3_8_0()))
			makeTopic(t, cl, "t", 1, 1, nil)
			makeTopic(t, cl, "other", 1, 1, nil)
			put(t, client(t, b.Addr()[0], kgo.DisableIdempotentWrite()), "other", "k", "v", 0)
			if c.name == "deletion of a group" {
				if err := commitOffset(t.Context(), cl); err != nil {
					t.Fatal(err)
				}
			}
			obstacle := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.RemoveAll(obstacle); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(obstacle, 0o777); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			go func() {
				select {
				case <-b.Failed():
					cancel() // the client tries again for ever
				case <-ctx.Done():
				}
			}()
			if err := c.ask(ctx, cl); err == nil {
				t.Error("what was not stored was acknowledged")
			}
			select {
			case <-b.Failed():
			default:
				t.Fatal("the broker runs on")
			}
			err = b.Close()
			var path *os.PathError
			if !errors.As(err, &path) || path.Path != obstacle || !strings.HasPrefix(fault.HintOf(err), "see that the folder can be written to and start it again") {
				t.Errorf("the broker ended with %v, hint %q", err, fault.HintOf(err))
			}
			if err := os.RemoveAll(obstacle); err != nil {
				t.Fatal(err)
			}
			cl = client(t, start(t, Config{Dir: dir}).Addr()[0])
			if begin, end := bounds(t, cl, "other"); begin != 0 || end != 1 {
				t.Errorf("what was acknowledged begins at %d and ends at %d", begin, end)
			}
		})
	}
}

func commitOffset(ctx context.Context, cl *kgo.Client) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = "g", -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = 1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = "t"
	rt.Partitions = append(rt.Partitions, p)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	return err
}

// TestFailedWriteAtClose holds that Close tells of what could not be saved, and
// comes to its end.
func TestFailedWriteAtClose(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Config{Dir: dir, Listen: logpipetest.OwnAddress(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "topics.json.tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil || fault.HintOf(err) == "" {
		t.Errorf("the broker ended with %v", err)
	}
}

// TestFailedWriteAtStart holds that a start ends with its error where kfake cannot
// write while it starts, as when the time of a transaction is over.
func TestFailedWriteAtStart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a broker that stands still has its files open, which cannot be removed then")
	}
	dir, listen := t.TempDir(), logpipetest.OwnAddress(t)
	b, err := Start(t.Context(), Config{Dir: dir, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	makeTopic(t, client(t, b.Addr()[0]), "t", 1, 1, nil)
	p := client(t, b.Addr()[0], kgo.TransactionalID("id"), kgo.DefaultProduceTopic("t"))
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.ProduceSync(t.Context(), kgo.StringRecord("v")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	obstacle := filepath.Join(dir, partitionsName, "t-0", "0"+indexSuffix)
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(obstacle, 0o777); err != nil {
		t.Fatal(err)
	}
	makeOld(t, filepath.Join(dir, sessionName))
	b, err = Start(t.Context(), Config{Dir: dir, Listen: listen})
	if err == nil {
		t.Fatal("the broker runs: ", b.Close())
	}
	if fault.HintOf(err) == "" {
		t.Error(err)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir, Listen: listen}) // its port and its folder are free
}

// makeOld lets the transactions that are open in a note of kfake's have begun long ago.
func makeOld(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begun := regexp.MustCompile(`"txStart": *"[^"]*"`)
	if len(begun.FindAll(text, -1)) != 1 {
		t.Fatalf("no transaction is open: %s", text)
	}
	if err := os.WriteFile(name, begun.ReplaceAll(text, []byte(`"txStart":"2020-01-01T00:00:00Z"`)), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestHintOfFailedWrite holds that who is to free space has too little of it.
func TestHintOfFailedWrite(t *testing.T) {
	for err, want := range map[error]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false, os.ErrPermission: false} {
		for _, temp := range []bool{false, true} {
			b := &Broker{temp: temp}
			hint := fault.HintOf(b.writeError(&os.PathError{Op: "write", Path: "x", Err: err}))
			if strings.HasPrefix(hint, "free space on the disk") != want || hint == "" {
				t.Errorf("%v: hint %q", err, hint)
			}
		}
	}
}
