package kafka

import (
	"fmt"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Migration are the properties by which Flume's Kafka source and channel take over
// the offsets that an older Flume has kept in ZooKeeper. That is not done here.
type Migration struct {
	zookeeper string
	wanted    bool
}

// Describe adds the properties.
func (m *Migration) Describe(p *flume.Properties) {
	p.String(&m.zookeeper, "zookeeperConnect", "", "where an older Flume kept its offsets; nothing is read from there")
	p.Bool(&m.wanted, "migrateZookeeperOffsets", true, "false says that no offsets in ZooKeeper have to be taken over")
}

// Check tells whoever has named a ZooKeeper, and not said that nothing is to be taken
// over, that the group may begin elsewhere than with Flume, which takes over the
// offsets of one topic. Start is where a group without offsets begins.
func (m *Migration) Check(group string, topics []string, start Offset) []flume.Problem {
	const property = "zookeeperConnect"
	switch {
	case m.zookeeper == "":
		return nil
	case !m.wanted || len(topics) != 1: // else Flume does nothing either
		return []flume.Problem{{Property: property, Note: true, Message: property + " has no effect here: Kafka keeps the offsets itself"}}
	}
	return []flume.Problem{{Property: property, Harmless: true,
		Message: fmt.Sprintf("offsets that group %s has in ZooKeeper alone are not taken over, as Flume does: where Kafka has none of the group, it begins at the %v of %s",
			group, start, topics[0]),
		Fix: fmt.Sprintf("then, before the first start: `zkCli.sh get /consumers/%s/offsets/%s/0` shows that of partition 0; write lines as %s,0,1234 into a file, one a partition, "+
			"and set them with `logpipe group reset %s --from-file FILE --execute`; migrateZookeeperOffsets = false says that it is done", group, topics[0], topics[0], group)}}
}
