package jdbc

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Holds is the SQLite file, or its folder where the channel's name is the file's,
// which is not known before Open. Of servers it is any of that kind: two addresses
// may be those of one server, in which the channel is locked.
func (c *Channel) Holds() []flume.Holding {
	u, embedded, err := c.find()
	switch {
	case err != nil:
		return nil // and so Open fails
	case u.Kind != database.SQLite:
		return []flume.Holding{{Name: fmt.Sprintf("channel in %s", u.Kind)}}
	case embedded:
		return []flume.Holding{flume.HoldFolder(u.Path)}
	}
	all := []flume.Holding{flume.HoldFolder(u.Path)}
	if folder := filepath.Dir(u.Path); filepath.Base(folder) == embeddedFolder {
		all = append(all, flume.HoldFolder(folder)) // it may be the file of an embedded one
	}
	return all
}

// probeLimit is how long a server may take to answer while the agent waits for it.
const probeLimit = 3 * time.Second

// Probe connects to the server and hangs up. One that cannot be reached now is no
// error: Open waits for it.
func (c *Channel) Probe() error {
	u, _, err := c.find()
	if err != nil || u.Kind == database.SQLite {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	conn, err := c.open(ctx, u.Config)
	switch {
	case err == nil:
		return conn.Close()
	case database.Lost(err) || ctx.Err() != nil:
		return nil
	}
	return flume.OfProperty(err, "driver.url")
}
