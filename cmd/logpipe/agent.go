package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

// agentClosing is how long the commands of exec sources may take to end, beside
// the draining.
const agentClosing = 5 * time.Second

// agentFlags are the settings of the agent command, named as in Flume.
type agentFlags struct {
	options agent.Options
	conf    string
	system  []string // -D
	check   bool
	explain string
	strict  bool
	java    javaFlags
}

// newAgent makes the command that runs Flume's property files.
func newAgent(app *cli.App) *cobra.Command {
	f := new(agentFlags)
	var own, common option.Set
	f.declare(app, &own)
	common.String(&app.Shared.Config, "config", "", "read settings from this `file`")
	cmd := &cobra.Command{
		Use:   "agent -n <name> -f <file>",
		Short: "run a Flume agent: collect events by a property file",
		Long: "The file is one of Apache Flume and stays as it is. All of it is checked before anything starts: " +
			"every mistake is reported with file, line and column, and an error starts nothing (exit code 2).\n\n" +
			"--check opens no connection and writes nothing. What the file needs and this machine lacks - a folder to " +
			"read or to write, a key store - is a warning there, since a check may be made on another machine, and an " +
			"error of a start; a folder that a source waits for stays a warning. A key store that cannot be read with " +
			"its password is an error of both.\n\n" +
			"Where --conf names a folder with a flume-env.sh, a shell sources it first, as Flume's start script does, also with --check and --explain: the variables that it " +
			"exports are there for ${env:NAME} and for commands, and -D properties in its JAVA_OPTS count where the command line does not set them. " +
			"-X options of Java have no effect; FLUME_CLASSPATH and Java agents are told. A reload does not source it again.\n\n" +
			"The events of logger sinks are printed on standard output in the form of Flume's console log, with " +
			"or without -Dflume.root.logger=INFO,console; all else goes to standard error.\n\n" +
			"When the file changes, or on SIGHUP, it is checked again: a good change restarts the components that it " +
			"concerns, a bad one is told and changes nothing. Ports, and the folders and databases of channels, are opened before anything is closed, so that one that is " +
			"in use is a bad edit too; with --lenient it is tried every 3 seconds, as in Flume. With -Dflume.called.from.service=true a file that is not there " +
			"yet is waited for.\n\n" +
			"With -Dflume.monitoring.type=http the counters are served under the names of Flume at /metrics, for " +
			"Prometheus at /prometheus, and /health tells whether all components work, and what is wrong with those that do not: 200 and status up, or " +
			"503 and degraded. A sink that fails while others of its group deliver is named under replaced, with 200, and an edit that was refused under refused; " +
			"-Dflume.monitoring.port is 41414 where it is not set.\n\n" +
			"An event that a sink can never deliver, such as one above the limit of a broker or of Flume's thrift source, is kept in " +
			"AGENT-SINK.dead.ndjson in the folder of --state, or in the file that the sink's property deadLetter names. " +
			"A Kafka channel has that property too, for events that its topic does not take; without it their source waits.\n\n" +
			"SIGTERM and SIGINT stop the sources at once, drain the channels for up to --grace, tell what is " +
			"left, and end every command of an exec source with all of its children. A second one ends the agent at once; " +
			"it tells what is lost.",
		GroupID:               string(catalog.Move),
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.Hint(fault.Usagef("takes no word, but got %q", args[0]), "name a property file with -f")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fill(app, cmd, &own, &common); err != nil {
				return err
			}
			return f.run(cmd.Context(), app)
		},
	}
	addFlags(cmd, &own)
	addShared(cmd, &common)
	return cmd
}

func (f *agentFlags) declare(app *cli.App, s *option.Set) {
	s.String(&f.options.Name, "name,n", "", "the `name` of the agent in the file")
	s.Repeated(&f.options.Files, "conf-file,f", "property `file`; a later one overrides an earlier one")
	s.String(&f.conf, "conf,c", "", "Flume's configuration `folder`; its flume-env.sh is sourced")
	s.Repeated(&f.system, "define,D", "Java system property, `k=v`")
	s.Bool(&f.check, "check", "check the file and start nothing; exit code 2 where it has errors")
	s.Choice(&f.explain, "explain", "", []string{"text", "mermaid"}, "draw the flow, --explain=mermaid as a diagram, and say of each hop what it promises; start nothing").Bare = "text"
	s.Bool(&f.strict, "strict", "warnings are errors")
	s.Bool(&f.options.All, "all", "show all findings of a start, not the first 20 of each kind; --check shows all")
	s.Bool(&f.options.Lenient, "lenient", "leave out components with mistakes, try again every 3s what cannot start, and run the others, as Flume does")
	s.Bool(&f.options.NoReload, "no-reload-conf", "do not notice when the file changes; SIGHUP still reads it")
	s.String(&f.options.State, "state", "", "`folder` for events that a sink can never deliver (default ~/.flume)")
	s.Duration(&app.Shared.Grace, "grace", cli.DefaultGrace, "on SIGINT or SIGTERM drain the channels for up to this `duration`")
	f.java.declare(s)
}

// run checks or runs the agent.
func (f *agentFlags) run(ctx context.Context, app *cli.App) error {
	app.Begin()
	app.Spare()
	app.Closing(agentClosing)
	o, extra, err := f.settle(ctx, app)
	switch {
	case err != nil:
		return err
	case f.explain != "":
		return f.draw(app, o)
	case f.check || f.java.dryRun:
		return f.printCheck(app, o, extra)
	}
	for _, finding := range extra {
		app.Say("%s", finding)
	}
	if err := f.beStrict(app, o, extra); err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // not nohup
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
	}
	o.Reload, o.Ready, o.AtLeave = reload, forgetStart, app.AtLeave
	o.Poll = time.Duration(f.java.interval) * time.Second
	return agent.Run(ctx, o)
}

// settle makes the agent's options of the flags; the findings are about these.
func (f *agentFlags) settle(ctx context.Context, app *cli.App) (agent.Options, []agent.Finding, error) {
	o := f.options
	o.Grace, o.Stdout, o.Stderr = app.Shared.Grace, app.Out, app.Err
	if o.Grace < 0 {
		return o, nil, fault.Usagef("--grace cannot be negative")
	}
	if f.strict && o.Lenient {
		return o, nil, fault.Usagef("--strict and --lenient exclude each other")
	}
	findings := f.checkConf() // the script may go to another folder
	wait := time.Duration(0)
	if f.explain != "" || f.check || f.java.dryRun {
		wait = flumeEnvCheck
	}
	e, err := sourceFlumeEnv(ctx, app, f.conf, o.Lenient, wait)
	if err != nil {
		return o, findings, err
	}
	o.Properties = make(map[string]string)
	if e != nil {
		o.Properties = javaProperties(e.java)
		findings = append(findings, e.findings()...)
	}
	maps.Copy(o.Properties, f.properties())
	findings = append(findings, checkZone(o.Properties)...)
	if o.State == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = "."
		}
		o.State = filepath.Join(home, ".flume")
	}
	more, err := f.java.check(&o)
	return o, append(findings, more...), err
}

// properties are those of -D.
func (f *agentFlags) properties() map[string]string {
	all := make(map[string]string)
	for _, text := range f.system {
		name, value, _ := strings.Cut(text, "=")
		all[name] = value
	}
	return all
}

// printCheck prints all findings and starts nothing.
func (f *agentFlags) printCheck(app *cli.App, o agent.Options, extra []agent.Finding) error {
	report, err := agent.Check(o)
	report.Findings = append(extra, report.Findings...)
	if err := report.Write(app.Out); err != nil {
		return err
	}
	err = f.judge(report, err)
	switch n := report.Count(agent.Error); {
	case err != nil:
	case n == 0:
		app.Say("agent %s in %s: no errors", o.Name, strings.Join(o.Files, ", "))
	default:
		app.Say("agent %s in %s: with --lenient the rest of it runs; errors: %d", o.Name, strings.Join(o.Files, ", "), n)
	}
	return err
}

// shown is what is printed of a report.
func (f *agentFlags) shown(r agent.Report) agent.Report {
	if f.options.All {
		return r
	}
	return r.Brief()
}

// beStrict refuses to start with warnings where --strict asks for it. Errors are
// told by the start itself.
func (f *agentFlags) beStrict(app *cli.App, o agent.Options, extra []agent.Finding) error {
	if !f.strict {
		return nil
	}
	report, err := agent.Check(o)
	if err != nil {
		return nil
	}
	report.Findings = append(extra, report.Findings...)
	if err = f.judge(report, nil); err != nil {
		report.Findings = report.Findings[len(extra):]
		for _, finding := range f.shown(report).Findings {
			app.Say("%s", finding)
		}
	}
	return err
}

// draw prints the flow; where the file has errors, it prints these.
func (f *agentFlags) draw(app *cli.App, o agent.Options) error {
	report, err := agent.Check(o)
	if err != nil {
		return errors.Join(f.shown(report).Write(app.Err), err)
	}
	if f.explain == "mermaid" {
		return report.Mermaid(app.Out)
	}
	return report.Explain(app.Out)
}

// judge makes warnings errors where --strict asks for it.
func (f *agentFlags) judge(r agent.Report, err error) error {
	n := r.Count(agent.Warning)
	switch {
	case err != nil || !f.strict || n == 0:
		return err
	case n == 1:
		return fault.Usagef("%s: 1 warning, and --strict; nothing was started", strings.Join(f.options.Files, ", "))
	}
	return fault.Usagef("%s: %d warnings, and --strict; nothing was started", strings.Join(f.options.Files, ", "), n)
}

// checkConf looks at the folder of --conf. An agent needs none.
func (f *agentFlags) checkConf() []agent.Finding {
	if f.conf == "" {
		return nil
	}
	st, err := os.Stat(f.conf)
	warning := agent.Finding{Level: agent.Warning, Fix: "the flag may be left out"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		warning.Message = "--conf: there is no folder " + f.conf
	case err != nil:
		warning.Message = "--conf: " + err.Error()
	case !st.IsDir():
		warning.Message, warning.Fix = "--conf: "+f.conf+" is no folder", "name a property file with -f"
	default:
		return nil
	}
	return []agent.Finding{warning}
}

// agentExamples are those of the help.
func agentExamples() []op.Example {
	const file = `printf '%s\n' 'a1.sources = r1' 'a1.channels = c1' 'a1.sinks = k1' \
  'a1.sources.r1.type = seq' 'a1.sources.r1.channels = c1' \
  'a1.channels.c1.type = memory' \
  'a1.sinks.k1.type = logger' 'a1.sinks.k1.channel = c1'`
	return []op.Example{{
		Note: "a file of Flume with the flags of Flume: a source that counts, and the first two events that the logger sink prints",
		Command: file + ` > a1.conf
logpipe agent --conf . --conf-file a1.conf --name a1 -Dflume.root.logger=INFO,console | sed -n 's/.* Event: //p; 2q'`,
		Output: "{ headers:{} body: 30                                              0 }\n" +
			"{ headers:{} body: 31                                              1 }\n",
	}, {
		Note: "what would be wrong, without starting anything",
		Command: file + ` 'a1.sources.r1.totalEvnts = 5' > a1.conf
logpipe agent -n a1 -f a1.conf --check`,
		Output: "a1.conf:9:15: warning: source r1 (seq) has no property \"totalEvnts\"; it has no effect; did you mean \"totalEvents\"?\n",
	}}
}
