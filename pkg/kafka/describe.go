package kafka

import (
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// FormatDescribeJava writes topics as `kafka-topics.sh --describe` of Kafka 4
// does, TAB by TAB.
func FormatDescribeJava(w io.Writer, topics []Topic) error {
	var b strings.Builder
	for _, t := range topics {
		b.WriteString("Topic: " + t.Name)
		if t.ID != "" {
			b.WriteString("\tTopicId: " + t.ID)
		}
		var configs []string
		for _, s := range javaOrder(t.Configs, t.Settings) {
			configs = append(configs, s.Name+"="+s.Value)
		}
		fmt.Fprintf(&b, "\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s\n",
			len(t.Partitions), t.Replication, strings.Join(configs, ","))
		for _, p := range t.Partitions {
			leader := "none"
			if p.Leader >= 0 {
				leader = strconv.Itoa(int(p.Leader))
			}
			fmt.Fprintf(&b, "\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s\tElr: %s\tLastKnownElr: %s\n",
				t.Name, p.ID, leader, ids(p.Replicas), ids(p.ISR), p.elr(p.ELR), p.elr(p.LastKnownELR))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// javaOrder orders settings as the Java tool prints them: as a HashMap of all
// settings of a topic yields them, which doubles its 16 buckets when there are
// more of them than three quarters of those, and keeps the broker's order in each.
func javaOrder(settings []Setting, all int) []Setting {
	buckets := 16
	for all > buckets*3/4 {
		buckets *= 2
	}
	bucket := func(s Setting) int {
		h := uint32(0)
		for _, c := range []byte(s.Name) {
			h = 31*h + uint32(c)
		}
		return int(h^h>>16) & (buckets - 1)
	}
	return slices.SortedStableFunc(slices.Values(settings), func(a, b Setting) int { return bucket(a) - bucket(b) })
}

func (p Partition) elr(list []int32) string {
	if !p.ELRKnown {
		return "N/A"
	}
	return ids(list)
}

func ids(list []int32) string {
	var s []string
	for _, n := range list {
		s = append(s, strconv.Itoa(int(n)))
	}
	return strings.Join(s, ",")
}

// topicID writes a topic's id as Kafka does.
func topicID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }
