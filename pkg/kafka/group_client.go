package kafka

import (
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// groupClient is the client of the library's group, which has to know which partitions
// there are, and reads none. The library asks for their leaders too: where one has none
// it tries for seconds, and does not join then.
type groupClient struct {
	sarama.Client
	conn *conn

	mu  sync.Mutex
	ids map[string][]int32 // the partitions of topics of which one has no leader
}

// RefreshMetadata implements sarama.Client.
func (g *groupClient) RefreshMetadata(topics ...string) error {
	resp, err := g.conn.askMetadata(topics, false)
	if err != nil || len(topics) == 0 {
		return g.Client.RefreshMetadata(topics...) // it may know other brokers
	}
	var rest []string
	g.mu.Lock()
	for _, t := range resp.Topics {
		delete(g.ids, t.Name)
		if t.Err != sarama.ErrNoError || len(t.Partitions) == 0 || whole(t) {
			rest = append(rest, t.Name)
			continue
		}
		var ids []int32
		for _, p := range t.Partitions {
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		g.ids[t.Name] = ids
	}
	g.mu.Unlock()
	if len(rest) == 0 {
		return nil
	}
	return g.Client.RefreshMetadata(rest...)
}

// Partitions implements sarama.Client.
func (g *groupClient) Partitions(topic string) ([]int32, error) {
	if ids := g.idsOf(topic); ids != nil {
		return ids, nil
	}
	return g.Client.Partitions(topic)
}

// PartitionNotReadable implements sarama.Client. The library does not begin to read such
// partitions: that would take two questions each, and the generation would end for all of
// them where a leader does not answer.
func (g *groupClient) PartitionNotReadable(string, int32) bool { return true }

func (g *groupClient) idsOf(topic string) []int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ids[topic]
}
