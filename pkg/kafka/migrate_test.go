package kafka

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Offsets in ZooKeeper that Flume would take over are told of; no word where the file
// names no ZooKeeper.
func TestMigration(t *testing.T) {
	const warning = "warning: offsets that group g has in ZooKeeper alone are not taken over, as Flume does: where Kafka has none of the group, it begins at the end of t"
	const note = "note: zookeeperConnect has no effect here: Kafka keeps the offsets itself"
	for _, test := range []struct {
		zookeeper, migrate string
		topics             []string
		want               string
	}{
		{"", "", []string{"t"}, ""},
		{"", "true", []string{"t"}, ""},
		{"zk:2181", "", []string{"t"}, warning},
		{"zk:2181", "true", []string{"t"}, warning},
		{"zk:2181", "false", []string{"t"}, note},
		{"zk:2181", "", []string{"t", "u"}, note},
		{"zk:2181", "", nil, note},
	} {
		p, m := &flume.Properties{}, Migration{}
		m.Describe(p)
		for name, value := range map[string]string{"zookeeperConnect": test.zookeeper, "migrateZookeeperOffsets": test.migrate} {
			if q, _ := p.Lookup(name); value != "" {
				if err := q.Assign(name, value); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := ""
		for _, problem := range m.Check("g", test.topics, End) {
			level := map[bool]string{true: "note", false: "warning"}[problem.Note]
			if problem.Note == problem.Harmless || problem.Property != "zookeeperConnect" {
				t.Errorf("%+v", problem)
			}
			got += level + ": " + problem.Message
		}
		if got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
