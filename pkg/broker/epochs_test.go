package broker

import (
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestEpochsIn reads what kmsg writes in all versions.
func TestEpochsIn(t *testing.T) {
	for version := range int16(5) {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.SetVersion(version)
		want := map[partition]int32{}
		for _, name := range []string{"a", "b"} {
			topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
			topic.Topic = name
			for id := range int32(3) {
				p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
				p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = id, 9, 4+id
				topic.Partitions = append(topic.Partitions, p)
				want[partition{name, id}] = 4 + id
			}
			req.Topics = append(req.Topics, topic)
		}
		rest := []byte{0, 0, 0, 1, 0, 1, 'c'} // correlation, client
		if req.IsFlexible() {
			rest = append(rest, 0)
		}
		rest = req.AppendTo(rest)
		if got := epochsIn(version, rest); !reflect.DeepEqual(got, want) {
			t.Errorf("version %d: %v, want %v", version, got, want)
		}
		for n := range rest {
			if got := epochsIn(version, rest[:n]); got != nil {
				t.Errorf("version %d: %v of the first %d bytes", version, got, n)
			}
		}
	}
}
