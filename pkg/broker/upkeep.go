package broker

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultCleanup is the pause between two runs of retention and compaction.
// Kafka's are 5 minutes and 15 seconds; somebody who practises waits less.
const DefaultCleanup = 10 * time.Second

// maxUncleaned is how long a compacted topic in which nothing is new waits for
// its next run, which takes away tombstones that have become old.
const maxUncleaned = 5 * time.Minute

// noTicker keeps kfake from cleaning by itself: it would do so only for topics
// that were made or changed since its start, and without our safeguards.
var noTicker = fmt.Sprint((100 * 365 * 24 * time.Hour).Milliseconds())

// upkeep is what cleaning remembers from one run to the next.
type upkeep struct {
	seen    uint64 // state of the compacted topics when they were compacted
	cleaned time.Time
}

// housekeep applies retention and compaction until stop is closed.
func (b *Broker) housekeep(every time.Duration) {
	defer b.upkeep.Done()
	if every <= 0 {
		every = DefaultCleanup
	}
	u := &upkeep{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			if err := b.clean(u); err != nil {
				b.log.Warn("retention and compaction", "error", err)
			}
		}
	}
}

// clean runs retention once, and compaction where there is something new. kfake
// writes the whole of each compacted topic anew, so that it is not asked to for
// nothing.
func (b *Broker) clean(u *upkeep) error {
	topics, err := b.inside.topics()
	if err != nil {
		return err
	}
	compacted, err := b.compacted(topics)
	if err != nil {
		return err
	}
	// Most of them here, where no request waits for it.
	if err := b.keepEnds(topics); err != nil {
		return fmt.Errorf("note the ends of partitions: %w", err)
	}
	state := stateOf(b.cluster, compacted)
	if len(compacted) == 0 || state == u.seen && time.Since(u.cleaned) < maxUncleaned {
		return b.retain(topics)
	}
	if u.seen, err = b.compact(compacted, topics); err != nil {
		return errors.Join(fmt.Errorf("topics are not compacted: %w", err), b.retain(topics))
	}
	u.cleaned = time.Now()
	return nil
}

// retain applies retention.
func (b *Broker) retain(topics []kmsg.MetadataResponseTopic) error {
	b.election.Lock()
	defer b.election.Unlock()
	return b.atOnce(func() error {
		if err := b.keepEnds(topics); err != nil {
			return fmt.Errorf("note the ends of partitions: %w", err)
		}
		b.cluster.ApplyRetention()
		return nil
	})
}

// compact compacts some topics, applies retention to all, and returns the state of
// those that are compacted then. No record comes between the
// links and the compaction: it might begin a segment that has no link and is taken
// away; nor before the state: it would count as compacted.
func (b *Broker) compact(topics, all []kmsg.MetadataResponseTopic) (state uint64, err error) {
	b.election.Lock()
	defer b.election.Unlock()
	var kept keptSegments
	err = b.atOnce(func() (err error) {
		if err = b.keepEnds(all); err != nil {
			return err
		}
		if kept, err = b.keepSegments(topics); err == nil {
			b.cluster.Compact()
			state = stateOf(b.cluster, topics)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return state, kept.remove()
}

// compacted finds the topics that are compacted. One that is only compacted
// keeps its records for ever in Kafka, where kfake would apply the broker's
// seven days, so that it gets a setting of its own.
func (b *Broker) compacted(topics []kmsg.MetadataResponseTopic) ([]kmsg.MetadataResponseTopic, error) {
	var found []kmsg.MetadataResponseTopic
	for _, t := range topics {
		info := b.cluster.TopicInfo(*t.Topic)
		if info == nil || !strings.Contains(settingOf(info, "cleanup.policy"), "compact") {
			continue
		}
		found = append(found, t)
		if strings.Contains(settingOf(info, "cleanup.policy"), "delete") || settingOf(info, "retention.ms") != "" {
			continue
		}
		if err := b.keepForEver(*t.Topic); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func settingOf(info *kfake.TopicInfo, name string) string {
	if v := info.Configs[name]; v != nil {
		return *v
	}
	return ""
}

func (b *Broker) keepForEver(topic string) error {
	value := "-1"
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "retention.ms", &value
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	r.Configs = append(r.Configs, c)
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, r)
	resp, err := b.inside.ask(req, 0)
	if err != nil {
		return err
	}
	for _, r := range resp.(*kmsg.IncrementalAlterConfigsResponse).Resources {
		// kerr's table of errors would cost each start of the program.
		if r.ErrorCode != 0 {
			return fmt.Errorf("keep topic %s for ever: error %d of Kafka", topic, r.ErrorCode)
		}
	}
	return nil
}

// stateOf tells apart what compaction may find new: records, topics and the ends
// of transactions.
func stateOf(c *kfake.Cluster, topics []kmsg.MetadataResponseTopic) uint64 {
	sum := uint64(len(topics))
	for _, t := range topics {
		for _, p := range c.PartitionInfos(*t.Topic) {
			h := fnv.New64a()
			fmt.Fprint(h, *t.Topic, t.TopicID, p.Partition, p.HighWatermark, p.LastStableOffset)
			sum += h.Sum64() // they come in any order
		}
	}
	return sum
}
