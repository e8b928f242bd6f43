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
	}, {
		Note: "an election to practise with",
		Command: `logpipe broker --nodes 3 -- sh -c '` + "\n" + `  logpipe topic create -q clicks --replication-factor 3` + "\n" +
			`  logpipe broker node stop -q 1` + "\n" +
			`  echo hello | logpipe produce -q clicks && logpipe consume -q clicks -o beginning -e'`,
		Output: "hello\n",
	}, {
		Note: "one that asks for a password",
		Command: `echo 'ann:secret' >users; echo secret >password` + "\n" +
			`logpipe broker --sasl scram-sha-256 --users users -- sh -c '` + "\n" +
			`  export LOGPIPE_SASL=scram-sha-256 LOGPIPE_SASL_USER=ann LOGPIPE_SASL_PASSWORD_FILE=password` + "\n" +
			`  echo hello | logpipe produce -q clicks && logpipe consume -q clicks -o beginning -e'`,
		Output: "hello\n",
	}}
}

// newBroker makes the command that runs the embedded broker.
func newBroker(app *cli.App) *cobra.Command {
	var settings brokerSettings
	var own, common option.Set
	settings.options(&own)
	cmd := &cobra.Command{
		Use:                   "broker [-- COMMAND…]",
		Short:                 "run a Kafka broker for one machine",
		Long:                  brokerAbout,
		GroupID:               string(catalog.Move),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			app.Begin()
			app.Spare()
			if cmd.ArgsLenAtDash() < 0 && len(args) > 0 {
				return fault.Hint(fault.Usagef("takes no word, but got %q", args[0]),
					"logpipe broker -- %s runs a command with a broker of its own", strings.Join(args, " "))
			}
			if cmd.ArgsLenAtDash() > 0 {
				return fault.Usagef("takes no word before --, but got %q", args[0])
			}
			if cmd.ArgsLenAtDash() == 0 && len(args) == 0 {
				return fault.Hint(fault.Usagef("say which command is to run behind --"), "without -- the broker runs until Ctrl-C")
			}
			cfg, err := settings.config(app)
			if err != nil {
				return err
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
	cmd.AddCommand(newNode(app), newDiagnose(app))
	return cmd
}

// startBroker starts a broker that Close ends. Where the process is left meanwhile, its
// temporary folder goes.
func startBroker(ctx context.Context, app *cli.App, cfg broker.Config) (*broker.Broker, error) {
	cfg.Temporary = func(remove func()) { app.AtLeave(remove) }
	return broker.Start(context.WithoutCancel(ctx), cfg)
}

// serve runs a broker until ctx ends.
func serve(ctx context.Context, app *cli.App, cfg broker.Config) error {
	b, err := startBroker(ctx, app, cfg)
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
		select {
		case <-ctx.Done():
		case <-b.Failed():
		}
		return b.Close()
	})
}

// serveCommand runs a command with a broker of its own and ends with its exit
// code.
func serveCommand(ctx context.Context, app *cli.App, cfg broker.Config, args []string) error {
	b, err := startBroker(ctx, app, cfg)
	if err != nil {
		return err
	}
	defer app.AtLeave(b.Abandon)()
	status, err := runChild(ctx, app, args, append(os.Environ(), "LOGPIPE_BROKERS="+strings.Join(b.Addr(), ",")), b.Failed())
	if closeErr := b.Close(); err == nil {
		err = closeErr
	}
	if err == nil && status != 0 {
		err = cli.ExitStatus(status)
	}
	return err
}
