package broker

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const keyFetch = 1

// manyBytes of all partitions are answered together, where each of them asks for so
// much.
const manyBytes = 32 << 20

// wholePartitions makes the limit of an answer one of its partitions, for readers
// of committed records: where kfake reaches the limit of the answer it forgets to
// tell which of the last partition's transactions were aborted, and their records
// are then read.
func wholePartitions(req kmsg.Request) kmsg.Response {
	const committed = 1
	r, ok := req.(*kmsg.FetchRequest)
	if !ok || r.IsolationLevel != committed {
		return nil
	}
	n := int32(0)
	for _, t := range r.Topics {
		n += int32(len(t.Partitions))
	}
	most := min(r.MaxBytes, max(r.MaxBytes, manyBytes)/max(n, 1))
	for _, t := range r.Topics {
		for i := range t.Partitions {
			t.Partitions[i].PartitionMaxBytes = min(t.Partitions[i].PartitionMaxBytes, most)
		}
	}
	r.MaxBytes = math.MaxInt32
	return nil
}
