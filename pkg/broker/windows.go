package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/folder"
)

// kfake knows of each producer and partition the last batches, to take none of them
// twice, and stores that at its end alone. After a kill it is found in the log, as
// Kafka finds it: a batch that was stored and whose answer the kill has cut off is
// sent again.
const windowsName = "seq_windows.json"

// windowSize is how many batches a producer may have under way (Kafka's
// max.in.flight.requests.per.connection for idempotent producers).
const windowSize = 5

// window is what one producer wrote last to one partition, as kfake stores it.
type window struct {
	Producer int64                   `json:"pid"`
	Topic    string                  `json:"topic"`
	Number   int32                   `json:"partition"`
	Entries  [windowSize]windowEntry `json:"entries"`
	Count    uint8                   `json:"count"`
	At       uint8                   `json:"at"` // the next entry to write
	Epoch    int16                   `json:"epoch"`
	Seen     bool                    `json:"seen"`
	Next     int32                   `json:"next_seq"`
}

// windowEntry is a batch.
type windowEntry struct {
	First  int32 `json:"first_seq"`
	Next   int32 `json:"next_seq"`
	Offset int64 `json:"offset"`
}

// add goes over a batch of the producer.
func (w window) add(b []byte) window {
	epoch, first := int16(binary.BigEndian.Uint16(b[batchEpoch:])), int32(binary.BigEndian.Uint32(b[batchSequence:]))
	if !w.Seen || epoch != w.Epoch {
		w = window{Seen: true, Epoch: epoch}
	}
	// The place of the last record, not the number of them: compaction takes some away.
	w.Next = int32((int64(first) + int64(binary.BigEndian.Uint32(b[batchLast:])) + 1) % math.MaxInt32)
	w.Entries[w.At] = windowEntry{first, w.Next, int64(binary.BigEndian.Uint64(b))}
	w.At = (w.At + 1) % windowSize
	w.Count = min(w.Count+1, windowSize)
	return w
}

// restoreWindows writes the windows for kfake, and notes producers that it has not:
// it leaves out their windows.
func restoreWindows(dir string, tails []*tail) error {
	all := []window{}
	epochs := map[int64]int16{}
	for _, t := range tails {
		topic, number, ok := partitionOf(t.name)
		if !ok {
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(t.windows)) {
			w := t.windows[p]
			w.Producer, w.Topic, w.Number = p, topic, number
			all = append(all, w)
			epochs[p] = max(epochs[p], w.Epoch)
		}
	}
	name := filepath.Join(dir, windowsName)
	if len(all) == 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return addProducers(filepath.Join(dir, pidsName), nil)
	}
	text, err := json.Marshal(map[string]any{"version": 1, "windows": all})
	if err != nil {
		return err
	}
	if err := folder.Replace(name, text, true); err != nil {
		return err
	}
	return addProducers(filepath.Join(dir, pidsName), epochs)
}

// addProducers notes those that are not in kfake's log of them yet.
func addProducers(name string, epochs map[int64]int16) error {
	known, err := readLog(name)
	if err != nil {
		return err
	}
	for _, e := range known.entries {
		var entry struct {
			Type     string `json:"type"`
			Producer int64  `json:"pid"`
		}
		if json.Unmarshal(e, &entry) == nil && entry.Type == "init" {
			delete(epochs, entry.Producer)
		}
	}
	var more [][]byte
	for _, p := range slices.Sorted(maps.Keys(epochs)) {
		more = append(more, fmt.Appendf(nil, `{"type":"init","pid":%d,"epoch":%d}`, p, epochs[p]))
	}
	return known.add(more)
}

// partitionOf reads the topic and the number in the path of a segment.
func partitionOf(segment string) (topic string, number int32, ok bool) {
	name := filepath.Base(filepath.Dir(segment))
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", 0, false
	}
	topic, err := url.PathUnescape(name[:i])
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	return topic, int32(n), err == nil
}
