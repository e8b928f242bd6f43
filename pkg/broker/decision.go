package broker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake commits a transaction partition by partition, then the offsets that it
// holds, then in its log of producers: a kill in between left a part of it committed
// and the rest to be aborted. So that it is to be committed is noted first, as Kafka
// does (PrepareCommit), and a start after a kill completes it. kfake handles requests
// one by one: there is one such note at a time, the next request finds it done.
const decisionName = "decision.log"

// decision is a transaction that its producer has asked to commit.
type decision struct {
	Producer int64        `json:"pid"`
	Epoch    int16        `json:"epoch"`
	Version  int16        `json:"version"` // of the request
	Offsets  []offsetNote `json:"offsets,omitempty"`
}

// offsetNote is an offset of a group, as an entry of kfake's log of groups.
type offsetNote struct {
	groupEntry
	Offset   int64   `json:"o,omitempty"`
	Epoch    int32   `json:"e,omitempty"` // of the leader
	Metadata *string `json:"m,omitempty"`
	At       int64   `json:"lc"` // milliseconds since 1970
}

// bumpsEpoch tells whether the producer gets a new epoch with the answer (KIP-890).
func (d *decision) bumpsEpoch() bool { return d.Version >= 5 }

// decisions notes what is to be committed.
type decisions struct {
	b *Broker
	f *os.File

	mu      sync.Mutex
	count   int // decisions so far
	stands  bool
	pending map[int64]*pendingOffsets // by producer
}

// pendingOffsets are those of a transaction that is open.
type pendingOffsets struct {
	epoch int16
	notes map[groupEntry]offsetNote
}

// openDecisions begins with none: the last one was completed before.
func (b *Broker) openDecisions() error {
	f, err := os.Create(filepath.Join(b.dir, decisionName))
	if err != nil {
		return err
	}
	b.decisions = &decisions{b: b, f: f, pending: map[int64]*pendingOffsets{}}
	mendKey(b.cluster, keyAddPartitions, b.decisions.begin)
	mendKey(b.cluster, keyAddOffsets, b.decisions.begin)
	mendKey(b.cluster, keyTxnOffsets, b.decisions.note)
	mendKey(b.cluster, keyEndTxn, b.decisions.decide)
	return nil
}

// begin comes before a request of an open transaction: the decision that stands is
// of an earlier one, which may have the same epoch.
func (d *decisions) begin(kmsg.Request) kmsg.Response {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(d.count)
	return nil
}

// note keeps the offsets that a transaction is to commit.
func (d *decisions) note(req kmsg.Request) kmsg.Response {
	d.begin(req)
	r, ok := req.(*kmsg.TxnOffsetCommitRequest)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pending[r.ProducerID]
	if p == nil || p.epoch != r.ProducerEpoch {
		p = &pendingOffsets{r.ProducerEpoch, map[groupEntry]offsetNote{}}
		d.pending[r.ProducerID] = p
	}
	for _, t := range r.Topics {
		name := t.Topic
		if r.Version >= 6 { // by id
			info := d.b.cluster.TopicIDInfo(t.TopicID)
			if info == nil {
				continue
			}
			name = info.Topic
		}
		for _, o := range t.Partitions {
			e := groupEntry{Type: "commit", Group: r.Group, Topic: name, Number: o.Partition}
			p.notes[e] = offsetNote{e, o.Offset, o.LeaderEpoch, o.Metadata, time.Now().UnixMilli()}
		}
	}
	return nil
}

// decide notes that a transaction is to be committed. What comes to a node that is
// not its coordinator, kfake refuses, and the producer asks another one.
func (d *decisions) decide(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.EndTxnRequest)
	if !ok || d.b.cluster.CurrentNode() != d.b.cluster.CoordinatorFor(r.TransactionalID) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(d.count)
	made := decision{Producer: r.ProducerID, Epoch: r.ProducerEpoch, Version: r.Version}
	if p := d.pending[r.ProducerID]; p != nil && p.epoch == r.ProducerEpoch {
		made.Offsets = slices.SortedFunc(maps.Values(p.notes), func(a, b offsetNote) int {
			return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
		})
		delete(d.pending, r.ProducerID)
	}
	if !r.Commit {
		return nil
	}
	if err := d.write(made); err != nil {
		d.b.fail(err)
	}
	d.count++
	d.stands = true
	go d.dropBehind(d.count)
	return nil
}

func (d *decisions) write(made decision) error {
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	if _, err := d.f.WriteAt(logText([][]byte{text}), 0); err != nil {
		return err
	}
	if d.b.sync {
		return d.f.Sync()
	}
	return nil
}

// dropBehind drops a decision when kfake has handled what it was made for: it
// answers this question behind that.
func (d *decisions) dropBehind(count int) {
	if _, err := d.b.inside.ask(kmsg.NewPtrApiVersionsRequest(), 0); err != nil {
		return // closed, or stands still: the next start looks at it
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(count)
}

// drop takes a decision away. The caller holds mu.
func (d *decisions) drop(count int) {
	if !d.stands || count != d.count {
		return
	}
	err := d.f.Truncate(0)
	if err == nil && d.b.sync { // after a fall of the machine it would stand for the next transaction of its epoch
		err = d.f.Sync()
	}
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		d.b.fail(err)
	}
	d.stands = false
}

// close ends the notes, behind kfake's end in order with the last one.
func (d *decisions) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.f.Close()
}

// decided reads the decision that stood when the process was killed, and what is
// known of its producer; nil where there is none that kfake had to carry out. One of
// a producer whose epoch is another by now was done, or refused.
func decided(dir string) (*decision, *producerEntry, error) {
	l, err := readLog(filepath.Join(dir, decisionName))
	if err != nil || len(l.entries) == 0 {
		return nil, nil, err
	}
	var d decision
	if err := json.Unmarshal(l.entries[0], &d); err != nil {
		return nil, nil, err
	}
	pids, err := readLog(filepath.Join(dir, pidsName))
	if err != nil {
		return nil, nil, err
	}
	var known *producerEntry
	for _, text := range pids.entries {
		var e producerEntry
		if json.Unmarshal(text, &e) != nil || e.Producer != d.Producer {
			continue
		}
		if known == nil || e.Type == "init" {
			known = &e
		}
		known.Epoch = e.Epoch
	}
	if known == nil || known.Epoch != d.Epoch {
		return nil, nil, nil
	}
	return &d, known, nil
}

// producerEntry is an entry of kfake's log of producers.
type producerEntry struct {
	Type     string `json:"type"`
	Producer int64  `json:"pid"`
	Epoch    int16  `json:"epoch"`
	ID       string `json:"txid,omitempty"` // of its transactions
	Timeout  int32  `json:"timeout,omitempty"`
	Commit   *bool  `json:"commit,omitempty"`
}

// complete writes what kfake writes behind the markers: the offsets, and that the
// transaction is committed, so that its producer hears so when it asks again.
func (d *decision) complete(dir string, known *producerEntry) error {
	var offsets [][]byte
	for _, o := range d.Offsets {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		offsets = append(offsets, text)
	}
	if err := addEntries(filepath.Join(dir, groupsName), offsets); err != nil {
		return err
	}
	commit := true
	done := []producerEntry{{Type: "endtx", Producer: d.Producer, Epoch: d.Epoch, Commit: &commit}}
	const last = 1<<15 - 2 // epoch that Kafka gives
	if d.bumpsEpoch() && d.Epoch < last {
		done = append(done, producerEntry{"init", d.Producer, d.Epoch + 1, known.ID, known.Timeout, &commit})
	}
	var texts [][]byte
	for _, e := range done {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	return addEntries(filepath.Join(dir, pidsName), texts)
}

// addEntries adds to a log of kfake's that nobody writes.
func addEntries(name string, entries [][]byte) error {
	l, err := readLog(name)
	if err != nil {
		return err
	}
	if err := l.add(entries); err != nil {
		return fmt.Errorf("complete a transaction: %w", err)
	}
	return nil
}
