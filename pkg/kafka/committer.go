package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Committer commits for members of groups that are other processes. The cluster of a
// mark is reached with its first commit.
//
// A mark comes with the stream, and may name any address as its cluster's. So the user,
// the password and the certificate of the own configuration are used where the cluster
// is the own one alone; another one has a client file for itself, or is spoken to
// without them.
type Committer struct {
	own    Config
	source string // the client file; "" = none
	mu     sync.Mutex
	conn   *conn
	from   string // whose marks conn is for
}

// NewCommitter returns a committer. own says how the own cluster is spoken to, the
// client file source, where it is not "", how the one that the marks come from is: by
// the addresses in it, or else by theirs.
func NewCommitter(own Config, source string) *Committer { return &Committer{own: own, source: source} }

// Check tells what is wrong with the client files, before a mark comes.
func (k *Committer) Check() error {
	quiet := k.own
	quiet.Logger = nil // what is not used in it is told when it is
	if _, err := quiet.completed(); err != nil {
		return err
	}
	_, err := Config{ClientFile: k.source}.completed()
	return err
}

// Commit stores a mark. ErrRevoked says that the group has moved on: its records
// are read again.
func (k *Committer) Commit(ctx context.Context, m Mark) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if from := m.Cluster + " " + strings.Join(m.Brokers, ","); k.conn == nil || from != k.from {
		if err := k.reach(ctx, m); err != nil {
			return err
		}
		k.from = from
	}
	parts, err := partsOf(m.Offsets)
	if err != nil {
		return err
	}
	offsets := make(map[part]int64, len(parts))
	for _, p := range parts {
		offsets[p] = m.Offsets[p.String()]
	}
	_, err = k.conn.commit(ctx, m, offsets)
	return err
}

// reach connects to the cluster of a mark.
func (k *Committer) reach(ctx context.Context, m Mark) error {
	if err := k.close(); err != nil {
		return err
	}
	cfg, err := k.towards(ctx, m)
	if err != nil {
		return err
	}
	k.conn, err = connect(ctx, cfg, nil)
	return err
}

// towards is how the cluster of a mark is spoken to.
func (k *Committer) towards(ctx context.Context, m Mark) (Config, error) {
	var err error
	if k.own, err = k.own.completed(); err != nil {
		return k.own, err
	}
	other := Config{ClientID: k.own.ClientID, Wait: k.own.Wait, Logger: k.own.Logger, ClientFile: k.source}
	if k.source != "" {
		if other, err = other.completed(); err == nil && len(other.Brokers) == 0 {
			other.Brokers = m.Brokers
		}
		return other, err
	}
	other.Brokers = m.Brokers
	own, err := k.own.among(m.Brokers)
	switch {
	case err != nil || own:
		return k.own, err
	case !k.own.Security.identifies():
		other.Security = k.own.Security
		return other, nil
	}
	if own, err = k.ownCluster(ctx, m.Cluster); err != nil || own {
		return k.own, err
	}
	return other, nil
}

// among tells whether brokers are all among those of cfg.
func (cfg Config) among(brokers []string) (bool, error) {
	if len(brokers) == 0 {
		return true, nil
	}
	own, err := cfg.brokers()
	if err != nil {
		return false, err
	}
	named, err := Config{Brokers: brokers}.brokers()
	if err != nil {
		return false, fmt.Errorf("a mark names its cluster: %w", err)
	}
	return !slices.ContainsFunc(named, func(b string) bool { return !slices.Contains(own, b) }), nil
}

// ownCluster asks the own brokers whether theirs is the cluster with this id.
func (k *Committer) ownCluster(ctx context.Context, id string) (bool, error) {
	if id == "" || id == embedded {
		return false, nil
	}
	c, err := connect(ctx, k.own, nil)
	if err != nil {
		return false, fmt.Errorf("ask the own brokers whether marks are of their cluster: %w", err)
	}
	defer c.close()
	own, err := c.clusterID(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the own brokers whether marks are of their cluster: %w", explain(err, ""))
	}
	return own == id, nil
}

// identifies tells whether s has something by which somebody else could say to be us.
func (s Security) identifies() bool {
	return s.Mechanism != "" || s.User != "" || s.Cert != "" || s.CertText != ""
}

// Close ends the connection.
func (k *Committer) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.close()
}

func (k *Committer) close() error {
	if k.conn == nil {
		return nil
	}
	c := k.conn
	k.conn = nil
	return c.close()
}
