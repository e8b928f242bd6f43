package broker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Node is one of a broker's addresses, to clients a broker of its own.
type Node struct {
	ID      int32  `json:"node"`
	Addr    string `json:"address"` // as clients are told
	Running bool   `json:"running"`
	Leads   int    `json:"leads"` // partitions whose leader it is
}

// node is the state of an address.
type node struct {
	id   int32
	addr string // that clients are told; "" before the first listen
	port string // of the first listen, kept for the next one

	mu       sync.Mutex
	up       bool
	listener net.Listener // of the operating system, the last one
	conns    map[*guard]struct{}
	led      []partition // what it led when it was stopped
}

// partition names one of a topic.
type partition struct {
	topic  string
	number int32
}

// add keeps a connection for close. It refuses one that came in while the node
// was being stopped.
func (n *node) add(g *guard) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.up {
		n.conns[g] = struct{}{}
	}
	return n.up
}

func (n *node) remove(g *guard) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, g)
}

// hangUp closes the connections of a node that no longer listens.
func (n *node) hangUp() {
	n.mu.Lock()
	n.up = false
	conns := n.conns
	n.conns = map[*guard]struct{}{}
	n.mu.Unlock()
	for g := range conns {
		g.Conn.Close() // its client hears of it
	}
}

func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// Nodes lists the nodes of the broker by their number.
func (b *Broker) Nodes() ([]Node, error) {
	b.election.Lock()
	defer b.election.Unlock()
	leaders, err := b.leaders()
	if err != nil {
		return nil, err
	}
	var list []Node
	for _, n := range b.nodes {
		info := Node{ID: n.id, Addr: n.addr, Running: n.running()}
		for _, leader := range leaders {
			if leader == n.id {
				info.Leads++
			}
		}
		list = append(list, info)
	}
	return list, nil
}

// StopNode stops a node as the end of its process would: its port refuses, its
// connections end, and other nodes become leaders of its partitions. It returns
// how many those are. The last node that runs cannot be stopped.
func (b *Broker) StopNode(id int32) (moved int, err error) {
	b.election.Lock()
	defer b.election.Unlock()
	n, live, err := b.nodeOf(id)
	switch {
	case err != nil:
		return 0, err
	case !n.running():
		return 0, fmt.Errorf("node %d does not run", id)
	case len(live) == 1:
		return 0, fault.Hint(fmt.Errorf("node %d is the last one that runs", id), "the broker itself ends with Ctrl-C in its terminal")
	}
	before, err := b.leaders()
	if err != nil {
		return 0, err
	}
	live = slices.DeleteFunc(live, func(other int32) bool { return other == id })
	n.led = nil
	for _, p := range sorted(before) {
		if before[p] == id {
			before[p] = live[len(n.led)%len(live)]
			n.led = append(n.led, p)
		}
	}
	err = b.elect(before, func() error { return b.cluster.RemoveNode(id) })
	if err != nil {
		return 0, fmt.Errorf("stop node %d: %w", id, err)
	}
	n.hangUp()
	return len(n.led), nil
}

// StartNode brings a stopped node back at its address. It becomes the leader of
// the partitions again that it led when it was stopped, and StartNode returns
// how many those are.
func (b *Broker) StartNode(id int32) (moved int, err error) {
	b.election.Lock()
	defer b.election.Unlock()
	n, _, err := b.nodeOf(id)
	switch {
	case err != nil:
		return 0, err
	case n.running():
		return 0, fmt.Errorf("node %d runs already", id)
	}
	before, err := b.leaders()
	if err != nil {
		return 0, err
	}
	for _, p := range n.led {
		if _, ok := before[p]; ok { // not deleted meanwhile
			before[p] = id
			moved++
		}
	}
	err = b.elect(before, func() error {
		b.opening = int(id)
		_, _, err := b.cluster.AddNode(id, 0)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("start node %d: %w", id, err)
	}
	return moved, nil
}

// elect changes the list of nodes and makes those the leaders of partitions that
// are named. No client sees what is between: kfake gives all partitions new
// leaders by chance when a node comes or goes.
func (b *Broker) elect(leaders map[partition]int32, change func() error) error {
	return b.atOnce(func() error {
		if err := change(); err != nil {
			return err
		}
		for _, p := range sorted(leaders) {
			b.move(p, leaders[p])
		}
		return nil
	})
}

// atOnce does something while kfake handles no request of a client: it handles
// them one by one, and this is one of them, which nobody else can send.
func (b *Broker) atOnce(do func() error) error {
	mark := rand.Int32()
	var result error
	b.cluster.ControlKey(keyListReassignments, func(r kmsg.Request) (kmsg.Response, error, bool) {
		req, ok := r.(*kmsg.ListPartitionReassignmentsRequest)
		if !ok || req.TimeoutMillis != mark {
			return nil, nil, false
		}
		result = do()
		return req.ResponseKind(), nil, true
	})
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.TimeoutMillis = mark
	if _, err := b.inside.ask(req, 0); err != nil {
		return err
	}
	return result
}

// nodeOf finds a node, and lists those that run. The caller holds election.
func (b *Broker) nodeOf(id int32) (*node, []int32, error) {
	var live []int32
	var known []string
	var found *node
	for _, n := range b.nodes {
		known = append(known, fmt.Sprint(n.id))
		if n.running() {
			live = append(live, n.id)
		}
		if n.id == id {
			found = n
		}
	}
	if b.isClosed() {
		return nil, nil, net.ErrClosed
	}
	if found == nil {
		return nil, nil, fault.Usagef("there is no node %d: this broker has %s", id, strings.Join(known, ", "))
	}
	return found, live, nil
}

// leaders asks who leads which partition. The caller holds election.
func (b *Broker) leaders() (map[partition]int32, error) {
	topics, err := b.inside.topics()
	if err != nil {
		return nil, err
	}
	found := map[partition]int32{}
	for _, t := range topics {
		for _, p := range t.Partitions {
			found[partition{*t.Topic, p.Partition}] = p.Leader
		}
	}
	return found, nil
}

// move makes a node the leader of a partition, where another one is.
func (b *Broker) move(p partition, leader int32) {
	if b.cluster.LeaderFor(p.topic, p.number) == leader {
		return
	}
	if err := b.cluster.MoveTopicPartition(p.topic, p.number, leader); err != nil {
		b.log.Debug("election", "topic", p.topic, "partition", p.number, "error", err) // deleted meanwhile
	}
}

// sorted lists the partitions by name and number.
func sorted(leaders map[partition]int32) []partition {
	list := make([]partition, 0, len(leaders))
	for p := range leaders {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b partition) int {
		return cmp.Or(strings.Compare(a.topic, b.topic), cmp.Compare(a.number, b.number))
	})
	return list
}
