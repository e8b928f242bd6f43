package broker

import (
	"encoding/binary"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answers are those that a connection owes its client and that are not kfake's
// as they come, in the order of their requests: kfake handles those of a
// connection one by one.
type answers struct {
	mu   sync.Mutex
	owed []owed
}

// owed is an answer to come.
type owed struct {
	correlation  int32
	key, version int16
	instead      []byte              // frame to send in place of kfake's; nil = kfake's, changed
	end          bool                // of the connection
	epochs       map[partition]int32 // that were asked about
}

func (a *answers) add(o owed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owed = append(a.owed, o)
}

// take finds what there is to do with an answer of kfake's.
func (a *answers) take(frame []byte) (owed, bool) {
	if len(frame) < frameHead {
		return owed{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.owed) == 0 || a.owed[0].correlation != int32(binary.BigEndian.Uint32(frame[4:])) {
		return owed{}, false
	}
	o := a.owed[0]
	a.owed = a.owed[1:]
	return o, true
}

// isChanged tells whether kfake's answers to requests of that key are changed.
func isChanged(key int16) bool {
	return key == keyMetadata || key == keyDescribeCluster || key == keyAPIVersions
}

// change makes kfake's answer the one for clients. What it cannot read it leaves
// as it is.
func (b *Broker) change(o owed, frame []byte) []byte {
	var resp kmsg.Response
	switch o.key {
	case keyMetadata:
		resp = kmsg.NewPtrMetadataResponse()
	case keyDescribeCluster:
		resp = kmsg.NewPtrDescribeClusterResponse()
	case keyLeaderEpoch:
		resp = kmsg.NewPtrOffsetForLeaderEpochResponse()
	case keyAPIVersions:
		if len(frame) < frameHead+2 || int16(binary.BigEndian.Uint16(frame[frameHead:])) == kerr.UnsupportedVersion.Code {
			return frame // of version 0, whatever was asked
		}
		resp = kmsg.NewPtrApiVersionsResponse()
	}
	resp.SetVersion(o.version)
	head := headOf(resp)
	if len(frame) < head || resp.ReadFrom(frame[head:]) != nil {
		return frame
	}
	switch resp := resp.(type) {
	case *kmsg.MetadataResponse:
		resp.ControllerID = b.controller()
		b.addStopped(resp)
	case *kmsg.DescribeClusterResponse:
		resp.ControllerID = b.controller()
	case *kmsg.OffsetForLeaderEpochResponse:
		b.addEnds(resp, o.epochs)
	case *kmsg.ApiVersionsResponse:
		for i := range resp.ApiKeys {
			if resp.ApiKeys[i].ApiKey == keySASLHandshake {
				resp.ApiKeys[i].MinVersion = 0 // librdkafka asks nobody without it for SASL
			}
		}
	}
	return finish(resp.AppendTo(append([]byte(nil), frame[:head]...)))
}

// controller is the node that clients are told to be it: any that runs, as all
// of them hand such requests on.
func (b *Broker) controller() int32 {
	for _, n := range b.nodes {
		if n.running() {
			return n.id
		}
	}
	return -1
}

// addStopped names the nodes that do not run among the replicas, as out of sync
// and offline: kfake lists those that run.
func (b *Broker) addStopped(resp *kmsg.MetadataResponse) {
	var stopped []int32
	for _, n := range b.nodes {
		if !n.running() {
			stopped = append(stopped, n.id)
		}
	}
	if len(stopped) == 0 {
		return
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil || len(t.Partitions) == 0 {
			continue
		}
		factor := b.factor(*t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			missing := stopped[:min(max(factor-len(p.Replicas), 0), len(stopped))]
			// ISR shares its memory with the replicas until here.
			p.ISR = append([]int32(nil), p.ISR...)
			p.Replicas = append(append([]int32(nil), p.Replicas...), missing...)
			p.OfflineReplicas = append(p.OfflineReplicas, missing...)
		}
	}
}

// epochsIn reads which leader epoch a request asks about for which partition;
// rest is what follows its key and version. It gives none where it cannot. kmsg would
// count tags that are not there up to 2^32, for as long as that takes.
func epochsIn(version int16, rest []byte) map[partition]int32 {
	flexible := version >= 4
	r := behindHead(rest, flexible)
	if version >= 3 {
		r.Int32() // replica id
	}
	list, name, tags := r.ArrayLen, r.String, func() {}
	if flexible {
		list, name, tags = r.CompactArrayLen, r.CompactString, func() { skipTags(r) }
	}
	epochs := map[partition]int32{}
	for n := list(); n > 0 && r.Ok(); n-- {
		topic := name()
		for n := list(); n > 0 && r.Ok(); n-- {
			p := partition{topic, r.Int32()}
			if version >= 2 {
				r.Int32() // the epoch of now
			}
			epochs[p] = r.Int32()
			tags()
		}
		tags()
	}
	if tags(); version > 4 || !r.Ok() {
		return nil
	}
	return epochs
}

// addEnds tells where an earlier epoch ended, which is at the end of the log
// where the leader of now has written nothing, or retention has left nothing.
// kfake says there that it does not know the epoch, or that it ended at 0, and
// clients that believe in a lost log begin anew.
func (b *Broker) addEnds(resp *kmsg.OffsetForLeaderEpochResponse, asked map[partition]int32) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			epoch, ok := asked[partition{t.Topic, p.Partition}]
			if !ok || p.ErrorCode != 0 || p.EndOffset > 0 {
				continue
			}
			info := b.cluster.PartitionInfo(t.Topic, p.Partition)
			if info == nil || epoch < 0 || epoch >= info.Epoch {
				continue
			}
			if empty := info.LogStartOffset == info.HighWatermark; p.EndOffset < 0 || empty {
				p.LeaderEpoch, p.EndOffset = epoch, info.HighWatermark
			}
		}
	}
}

// factor is the replication factor that a topic was made with; 0 = no such topic.
func (b *Broker) factor(topic string) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return 0
	}
	info := b.cluster.TopicInfo(topic)
	if info == nil {
		return 0
	}
	return info.NumReplicas
}

// headOf is the length of what stands before an answer in its frame. That to
// ApiVersions has none of tagged fields, in any version.
func headOf(resp kmsg.Response) int {
	if resp.IsFlexible() && resp.Key() != keyAPIVersions {
		return frameHead + 1 // no tagged fields
	}
	return frameHead
}

// finish sets the length of a frame.
func finish(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

// answerFrame frames an answer that does not come from kfake.
func answerFrame(resp kmsg.Response, version int16, correlation int32) []byte {
	resp.SetVersion(version)
	frame := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlation))
	if resp.IsFlexible() {
		frame = append(frame, 0) // no tagged fields
	}
	return finish(resp.AppendTo(frame))
}
