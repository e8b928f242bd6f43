package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

func brokerExamples() []op.Example {
	return []op.Example{{
		Note: "a broker for one command, on a free port: for scripts and CI",
		Command: `logpipe broker -- sh -c '` + "\n" + `  logpipe topic create clicks --partitions 3` + "\n" +
			`  logpipe gen behavior -n 1000 | logpipe produce clicks` + "\n" +
			`  logpipe consume clicks -o beginning -e | wc -l'`,
		Output: "1000\n",
	}, {
		Note: "--dir keeps the records",
		Command: `logpipe broker --dir kept -- sh -c 'echo hello | logpipe produce greetings'
logpipe broker --dir kept -- logpipe consume greetings -o beginning -e`,
		Output: "hello\n",
	}}
}

// newBroker makes the command that runs the embedded broker.
func newBroker(app *cli.App) *cobra.Command {
	var cfg broker.Config
	var own, common option.Set
	own.String(&cfg.Listen, "listen", broker.DefaultListen, "`address` of the broker; with a command: any free port of this machine")
	own.String(&cfg.Dir, "dir", "", "keep the records in this `folder`; without it they end with the broker")
	own.Int(&cfg.Nodes, "nodes", 1, "`number` of addresses, each a broker to clients; they share one log")
	cmd := &cobra.Command{
		Use:   "broker [-- COMMAND…]",
		Short: "run a Kafka broker for one machine",
		Long: "`logpipe broker` alone runs until Ctrl-C, for the commands of other terminals. Any Kafka client can use it. It is made for one machine and for CI: its nodes share one log, so that " +
			"they give no fault tolerance.\n\n" +
			"With a command, the broker starts on a free port, LOGPIPE_BROKERS is set for the command, and both end " +
			"together, with the command's exit code. Signals are passed on. Without a terminal, what the command has " +
			"left running in the background is ended with SIGTERM.",
		GroupID:               string(catalog.Move),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			app.Begin()
			app.Spare()
			cfg.Logger = app.Log
			if cmd.ArgsLenAtDash() < 0 && len(args) > 0 {
				return fault.Hint(fault.Usagef("takes no word, but got %q", args[0]),
					"logpipe broker -- %s runs a command with a broker of its own", strings.Join(args, " "))
			}
			if cmd.ArgsLenAtDash() > 0 {
				return fault.Usagef("takes no word before --, but got %q", args[0])
			}
			if cfg.Nodes < 1 {
				return fault.Usagef("--nodes: want a number of addresses from 1, not %d", cfg.Nodes)
			}
			if cmd.ArgsLenAtDash() == 0 && len(args) == 0 {
				return fault.Hint(fault.Usagef("say which command is to run behind --"), "without -- the broker runs until Ctrl-C")
			}
			if len(args) == 0 {
				return serve(cmd.Context(), app, cfg)
			}
			if !cmd.Flags().Changed("listen") {
				cfg.Listen = "127.0.0.1:0"
			}
			return serveCommand(cmd.Context(), app, cfg, args)
		},
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	cmd.Flags().SetInterspersed(false) // flags behind a word are the command's
	return cmd
}

// serve runs a broker until ctx ends.
func serve(ctx context.Context, app *cli.App, cfg broker.Config) error {
	b, err := broker.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return err
	}
	defer app.AtLeave(b.Abandon)()
	kept := "records in " + b.Dir()
	if cfg.Dir == "" {
		kept += ", which goes with it; --dir keeps them"
	}
	addrs := strings.Join(b.Addr(), ",")
	app.Say("ready on %s (%s): export LOGPIPE_BROKERS=%s", addrs, kept, addrs)
	return whileTerminal(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return b.Close()
	})
}

// serveCommand runs a command with a broker of its own and ends with its exit
// code.
func serveCommand(ctx context.Context, app *cli.App, cfg broker.Config, args []string) error {
	b, err := broker.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return err
	}
	defer app.AtLeave(b.Abandon)()
	status, err := runChild(ctx, app, args, append(os.Environ(), "LOGPIPE_BROKERS="+strings.Join(b.Addr(), ",")))
	if closeErr := b.Close(); err == nil {
		err = closeErr
	}
	if err == nil && status != 0 {
		err = cli.ExitStatus(status)
	}
	return err
}
