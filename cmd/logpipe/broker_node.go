package main

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

const nodeAbout = "A `logpipe broker` of this user, in another terminal of this machine, is found by any of its addresses. " +
	"A node that is stopped closes its connections and its port, other nodes become leaders of its partitions, and clients go on with those: " +
	"an election to practise with. Its records stay, as the nodes share one log. One that is started again leads what it led before."

func nodeExamples() []op.Example {
	return []op.Example{{
		Note: "an election: a node is stopped, and the topic goes on without it",
		Command: `logpipe broker --nodes 3 -- sh -c '` + "\n" + `  logpipe topic create -q clicks --partitions 3 --replication-factor 3` + "\n" +
			`  logpipe broker node stop -q 1` + "\n" +
			`  echo hello | logpipe produce -q clicks` + "\n" +
			`  logpipe consume -q clicks -o beginning -e'`,
		Output: "hello\n",
	}}
}

func nodeListExamples() []op.Example {
	return []op.Example{{
		Note:    "which nodes run",
		Command: `logpipe broker --nodes 2 -- logpipe broker node list --format json | logpipe select node running leads`,
		Output:  `{"node":0,"running":true,"leads":0}` + "\n" + `{"node":1,"running":true,"leads":0}` + "\n",
	}}
}

func nodeStopExamples() []op.Example {
	return []op.Example{{
		Command: `logpipe broker --nodes 2 -- sh -c 'logpipe broker node stop 1 && logpipe broker node list --format json' | logpipe select node running`,
		Output:  `{"node":0,"running":true}` + "\n" + `{"node":1,"running":false}` + "\n",
	}}
}

func nodeStartExamples() []op.Example {
	return []op.Example{{
		Note: "a node that restarts",
		Command: `logpipe broker --nodes 2 -- sh -c '` + "\n" + `  logpipe broker node stop 1` + "\n" + `  logpipe broker node start 1` + "\n" +
			`  logpipe broker node list --format json' | logpipe select node running`,
		Output: `{"node":0,"running":true}` + "\n" + `{"node":1,"running":true}` + "\n",
	}}
}

// nodeCommand holds the settings of the commands about nodes.
type nodeCommand struct {
	app     *cli.App
	cluster catalog.Kafka
	format  string
}

// newNode makes the commands that stop and start nodes of a running broker.
func newNode(app *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "node {list|stop|start}",
		Short:                 "stop and start nodes of a running `logpipe broker`, for clients to see an election",
		Long:                  nodeAbout,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	var common option.Set
	app.Shared.Common(&common)
	addShared(cmd, &common)
	for i, verb := range []*cobra.Command{
		newNodeVerb(app, "list", "list", "show which nodes run, and how many partitions each leads", (*nodeCommand).list),
		newNodeVerb(app, "stop", "stop <ID>", "stop a node", (*nodeCommand).stop),
		newNodeVerb(app, "start", "start <ID>", "start a node that was stopped", (*nodeCommand).start),
	} {
		verb.Annotations = map[string]string{orderKey: strconv.Itoa(i)}
		cmd.AddCommand(verb)
	}
	return cmd
}

func newNodeVerb(app *cli.App, name, use, short string, run func(*nodeCommand, context.Context, *broker.Control, int32) error) *cobra.Command {
	n := &nodeCommand{app: app}
	var own, common option.Set
	n.cluster.AddressOptions(&own)
	if name == "list" {
		own.Choice(&n.format, "format", "table", []string{"table", "json"}, "json is an object a node")
	}
	cmd := &cobra.Command{
		Use:                   use,
		Short:                 short,
		Long:                  nodeAbout,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if name == "list" || len(args) > 0 || fill(app, cmd, &own) != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return n.ids(cmd.Context(), name == "stop"), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			app.SetCommand("broker node " + name)
			if err := fill(app, cmd, &own); err != nil {
				return err
			}
			app.Begin()
			id := int32(-1)
			if name == "list" {
				if len(args) > 0 {
					return fault.Usagef("takes no word, but got %q", args[0])
				}
			} else {
				var err error
				if id, err = nodeID(args); err != nil {
					return err
				}
			}
			c, err := broker.Find(cmd.Context(), n.cluster.Config(app.Log).Brokers)
			if err != nil {
				return err
			}
			return run(n, cmd.Context(), c, id)
		},
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	completeFlags(cmd)
	return cmd
}

// ids offers the numbers of the nodes that run, or of those that do not.
func (n *nodeCommand) ids(ctx context.Context, running bool) []string {
	ctx, cancel := context.WithTimeout(ctx, completeIn)
	defer cancel()
	c, err := broker.Find(ctx, n.cluster.Config(n.app.Log).Brokers)
	if err != nil {
		return nil
	}
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil
	}
	var ids []string
	for _, node := range nodes {
		if node.Running == running {
			ids = append(ids, strconv.Itoa(int(node.ID))+"\t"+node.Addr)
		}
	}
	return ids
}

// nodeID reads the number of a node.
func nodeID(args []string) (int32, error) {
	if len(args) == 1 {
		if n, err := strconv.ParseInt(args[0], 10, 32); err == nil && n >= 0 {
			return int32(n), nil
		}
		return 0, fault.Hint(fault.Usagef("want the number of a node, not %q", args[0]), "logpipe broker node list shows them")
	}
	return 0, fault.Hint(fault.Usagef("want the number of one node"), "logpipe broker node list shows them")
}

func (n *nodeCommand) list(ctx context.Context, c *broker.Control, _ int32) error {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"NODE", "ADDRESS", "STATE", "LEADS"}}
	enc := json.NewEncoder(n.app.Out)
	for _, node := range nodes {
		if n.format == "json" {
			if err := enc.Encode(node); err != nil {
				return err
			}
		}
		state := "stopped"
		if node.Running {
			state = "running"
		}
		rows = append(rows, []string{strconv.Itoa(int(node.ID)), node.Addr, state, strconv.Itoa(node.Leads)})
	}
	if n.format == "json" {
		return nil
	}
	return printRows(n.app.Out, rows)
}

func (n *nodeCommand) stop(ctx context.Context, c *broker.Control, id int32) error {
	moved, err := c.Stop(ctx, id)
	if err == nil && !n.app.Shared.Quiet {
		n.app.Say("node %d is stopped; %s to other nodes", id, went(moved))
	}
	return err
}

func (n *nodeCommand) start(ctx context.Context, c *broker.Control, id int32) error {
	moved, err := c.Start(ctx, id)
	if err == nil && !n.app.Shared.Quiet {
		n.app.Say("node %d runs again; %s back to it", id, went(moved))
	}
	return err
}

// went tells of leaders that have changed.
func went(partitions int) string {
	if partitions == 0 {
		return "no partition went"
	}
	return "the leaders of " + countOf(int64(partitions), "partition") + " went"
}
