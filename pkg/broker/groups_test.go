package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestDeletedGroupsStayDeleted holds that a group whose deletion was acknowledged
// does not come back after a SIGKILL, that one which was made anew since keeps what it
// committed then, and that others, and one that was not deleted for it has a member,
// keep theirs; also behind a torn write.
func TestDeletedGroupsStayDeleted(t *testing.T) {
	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprintf("log of groups compacted: %t", compacted), func(t *testing.T) { deletedStay(t, compacted) })
	}
}

func deletedStay(t *testing.T, compacted bool) {
	old := kgo.MaxVersions(kversion.V2_5_0()) // one group in a request for offsets
	dir := t.TempDir()
	addr, cmd := process(t, dir)
	cl := client(t, addr, old)
	makeTopic(t, cl, "t", 2, 1, nil)
	for _, g := range []string{"gone", "again", "other", "busy"} {
		joined := make(chan struct{}, 1)
		member := client(t, addr, kgo.ConsumerGroup(g), kgo.ConsumeTopics("t"), kgo.OnPartitionsAssigned(
			func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }))
		select {
		case <-joined:
		case <-time.After(time.Minute):
			t.Fatal(g, "has no member")
		}
		if g != "busy" {
			member.Close() // leaves
		}
	}
	for _, g := range []string{"gone", "again", "other"} {
		commitTo(t, cl, g, 0, 100)
		commitTo(t, cl, g, 1, 50)
	}
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{"gone", "again", "busy", "unknown"}
	for _, s := range cl.RequestSharded(t.Context(), req) {
		if s.Err != nil {
			t.Fatal(s.Err)
		}
		for _, g := range s.Resp.(*kmsg.DeleteGroupsResponse).Groups {
			if want := map[string]int16{"busy": 68, "unknown": 69}[g.Group]; g.ErrorCode != want {
				t.Errorf("delete %s: error %d, want %d", g.Group, g.ErrorCode, want)
			}
		}
	}
	commitTo(t, cl, "again", 1, 7)
	if compacted {
		compactGroups(t, cl)
		commitTo(t, cl, "other", 1, 50)
		if l, err := readLog(filepath.Join(dir, groupsName)); err != nil || len(l.entries) > 10 {
			t.Fatal("kfake has not compacted its log of groups:", len(l.entries), err)
		}
	}
	kill(t, cmd)
	for round, end := range []bool{false, true, true} { // killed once more, ended, ended
		tear(t, filepath.Join(dir, groupsName))
		addr, cmd := process(t, dir)
		cl := client(t, addr, old)
		for g, want := range map[string][2]int64{"gone": {-1, -1}, "again": {-1, 7}, "other": {100 + int64(round), 50}} {
			if got := [2]int64{committedBy(t, cl, g, 0), committedBy(t, cl, g, 1)}; got != want {
				t.Errorf("round %d: %s has %v, want %v", round, g, got, want)
			}
		}
		names := groupNames(t, cl)
		if want := []string{"again", "busy", "other"}; !slices.Equal(names, want) {
			t.Errorf("round %d: groups %q, want %q", round, names, want)
		}
		commitTo(t, cl, "other", 0, 101+int64(round))
		kill(t, cmd)
		if end {
			b := start(t, Config{Dir: dir})
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compactGroups makes kfake compact its log of groups with each request.
func compactGroups(t *testing.T, cl *kgo.Client) {
	t.Helper()
	value := "1"
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "state.log.compact.bytes", &value
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.Configs = kmsg.ConfigResourceTypeBroker, append(r.Configs, c)
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.Resources[0].ErrorCode; code != 0 {
		t.Fatal("error", code)
	}
}

// tear leaves the beginning of an entry at the end of a log.
func tear(t *testing.T, name string) {
	t.Helper()
	log, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Write(logText([][]byte{[]byte(`{"type":"commit","g":"other"}`)})[:20]); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func commitTo(t *testing.T, cl *kgo.Client, group string, number int32, offset int64) {
	t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = number, offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("commit of %s: error %d", group, code)
	}
}

// committedBy asks for an offset of a group, which is -1 where it has none.
func committedBy(t *testing.T, cl *kgo.Client, group string, number int32) int64 {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{number}}}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Topics) == 0 { // there is no such group
		return -1
	}
	return resp.Topics[0].Partitions[0].Offset
}

func groupNames(t *testing.T, cl *kgo.Client) []string {
	t.Helper()
	var names []string
	for _, s := range cl.RequestSharded(t.Context(), kmsg.NewPtrListGroupsRequest()) {
		if s.Err != nil {
			t.Fatal(s.Err)
		}
		for _, g := range s.Resp.(*kmsg.ListGroupsResponse).Groups {
			names = append(names, g.Group)
		}
	}
	slices.Sort(names)
	return names
}

// TestGroupDeletedAtOtherNode holds that a group is there after a kill which a node
// that is not its coordinator was asked to delete, and refused to.
func TestGroupDeletedAtOtherNode(t *testing.T) {
	old := kgo.MaxVersions(kversion.V2_5_0()) // one group in a request for offsets
	dir := t.TempDir()
	b := start(t, Config{Dir: dir, Nodes: 3})
	cl := client(t, b.Addr()[0], old)
	makeTopic(t, cl, "t", 1, 1, nil)
	commitTo(t, cl, "g", 0, 100)
	for id := range int32(3) {
		if id == b.cluster.CoordinatorFor("g") {
			continue
		}
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{"g"}
		resp, err := req.RequestWith(t.Context(), cl.Broker(int(id)))
		if err != nil {
			t.Fatal(err)
		}
		if code := resp.Groups[0].ErrorCode; code != kerr.NotCoordinator.Code {
			t.Errorf("node %d: error %d", id, code)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy") // as a kill leaves it
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := start(t, Config{Dir: copied})
	if at := committedBy(t, client(t, again.Addr()[0], old), "g", 0); at != 100 {
		t.Errorf("the group goes on at %d", at)
	}
}

// TestWithoutGone holds which entries of the log of groups stay.
func TestWithoutGone(t *testing.T) {
	var entries [][]byte
	for _, e := range []string{`{"type":"meta","g":"a"}`, `{"type":"commit","g":"a"}`, `{"type":"meta","g":"b"}`, `{"type":"meta","g":"a","typ":"gone"}`, `no JSON`, `{"type":"commit","g":"a","o":3}`} {
		entries = append(entries, []byte(e))
	}
	got := fmt.Sprintf("%s", withoutGone(entries))
	if want := `[{"type":"meta","g":"b"} no JSON {"type":"commit","g":"a","o":3}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
