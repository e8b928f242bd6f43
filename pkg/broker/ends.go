package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake finds the end of a partition in its last record. So the end is noted before
// records are removed, and counts where none is left: offsets would begin at 0
// again, and a group that has committed one of them would miss what comes.

// keepEnds notes the ends of all partitions.
func (b *Broker) keepEnds(topics []kmsg.MetadataResponseTopic) error {
	for _, t := range topics {
		for _, p := range b.cluster.PartitionInfos(*t.Topic) {
			if err := b.keepEnd(*t.Topic, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepEnd notes the end of a partition where it is another than was noted.
func (b *Broker) keepEnd(topic string, p *kfake.PartitionInfo) error {
	if p.HighWatermark == 0 || b.temp {
		return nil
	}
	name := filepath.Join(b.partitionDir(topic, p.Partition), endName)
	text := strconv.FormatInt(p.HighWatermark, 10)
	if old, err := os.ReadFile(name); err == nil && string(old) == text {
		return nil
	}
	err := folder.Replace(name, []byte(text), b.sync)
	if err == nil && b.sync {
		err = folder.Sync(filepath.Dir(name))
	}
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
		return nil
	}
	return err
}

// keepEndsDeleted does so where a request is about to delete the records. It runs
// while kfake handles no other request.
func (b *Broker) keepEndsDeleted(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.DeleteRecordsRequest)
	if !ok {
		return nil
	}
	if err := b.keepEndsOf(r); err != nil {
		b.log.Warn("records are not deleted", "error", err)
		return refusedDelete(r)
	}
	return nil
}

func (b *Broker) keepEndsOf(r *kmsg.DeleteRecordsRequest) error {
	for _, t := range r.Topics {
		ends := map[int32]*kfake.PartitionInfo{}
		for _, p := range b.cluster.PartitionInfos(t.Topic) {
			ends[p.Partition] = p
		}
		for _, p := range t.Partitions {
			info := ends[p.Partition]
			if info == nil || p.Offset >= 0 && p.Offset < info.HighWatermark {
				continue
			}
			if err := b.keepEnd(t.Topic, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusedDelete answers that the disk does not take it.
func refusedDelete(r *kmsg.DeleteRecordsRequest) kmsg.Response {
	resp := r.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for _, t := range r.Topics {
		out := kmsg.NewDeleteRecordsResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			o := kmsg.NewDeleteRecordsResponseTopicPartition()
			o.Partition, o.ErrorCode = p.Partition, kerr.KafkaStorageError.Code
			out.Partitions = append(out.Partitions, o)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// restoreEnd makes a partition without a record begin where it ended: kfake
// believes a snapshot where it lists all segments, of which there must be one.
func restoreEnd(name string) error {
	dir := filepath.Dir(name)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	end, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || end <= 0 {
		return os.Remove(name) // cut off by a crash of the machine
	}
	segments, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+segmentSuffix))
	if err != nil {
		return err
	}
	for _, s := range segments {
		if any, err := hasBatch(s); any || err != nil {
			return err // records are left, or came after it
		}
	}
	for _, s := range segments {
		if err := os.Remove(s); err != nil {
			return err
		}
	}
	noted, err := json.Marshal(snapshot{Version: 1, End: end, Stable: end, Start: end, Segments: []segment{{Base: end}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(end)+segmentSuffix), nil, 0o666); err != nil {
		return err
	}
	return folder.Replace(filepath.Join(dir, snapshotName), noted, true)
}

// hasBatch tells whether a segment begins with a whole batch: a kill may cut the
// first one off that comes behind those that were removed.
func hasBatch(segment string) (bool, error) {
	f, err := os.Open(segment)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < batchHead {
		return false, err
	}
	var head [batchHead]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return false, err
	}
	n := batchLength + int64(binary.BigEndian.Uint32(head[batchLengthAt:]))
	return n >= batchHead && n <= info.Size(), nil
}

// snapshot is what kfake notes of a partition at its end, as far as it matters here.
type snapshot struct {
	Version  int       `json:"version"`
	End      int64     `json:"high_watermark"`
	Stable   int64     `json:"last_stable_offset"`
	Start    int64     `json:"log_start_offset"`
	Segments []segment `json:"segments"`
}

type segment struct {
	Base int64 `json:"base_offset"`
	Size int64 `json:"size"`
}

// sizes are those of the segments by their first offset.
func (s snapshot) sizes() map[int64]int64 {
	all := map[int64]int64{}
	for _, segment := range s.Segments {
		all[segment.Base] = segment.Size
	}
	return all
}
