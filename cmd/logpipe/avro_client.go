package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

// avroClientFlags are the settings of Flume's avro-client.
type avroClientFlags struct {
	options agent.ClientOptions
	conf    string

	system, java []string // without an effect
	classpath    string
}

// newAvroClient makes the command that sends lines to an agent.
func newAvroClient(app *cli.App) *cobra.Command {
	f := new(avroClientFlags)
	var own, common option.Set
	f.declare(&own)
	common.String(&app.Shared.Config, "config", "", "read settings from this `file`")
	cmd := &cobra.Command{
		Use:   "avro-client -H <host> -p <port>",
		Short: "send lines to the avro source of a Flume agent",
		Long: "Each line of the file, or of standard input, is an event. They are sent in batches, and each batch " +
			"is waited for: what is counted in the end has been stored by the agent. An agent whose channel is full is waited for too.",
		GroupID:               string(catalog.Move),
		Args:                  noArgs,
		DisableFlagsInUseLine: true,
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

func (f *avroClientFlags) declare(s *option.Set) {
	o := &f.options
	s.String(&o.Host, "host,H", "", "where the avro source is")
	s.Int(&o.Port, "port,p", 0, "its port")
	s.String(&o.File, "filename,F", "", "send this `file` in place of standard input")
	s.String(&o.Dir, "dirname", "", "send the files of this `folder` and rename each to .COMPLETED")
	s.String(&o.Headers, "headerFile,R", "", "headers for every event: a `file` of k=v lines")
	s.String(&o.Properties, "rpcProps,P", "", "settings of Flume's RPC client: a property `file` with hosts, client.type (also default_failover and default_loadbalance), ssl and the like")
	s.String(&f.conf, "conf,c", "", "Flume's configuration folder; its flume-env.sh is sourced").Hidden = true
	s.Repeated(&f.system, "define,D", "Java system property; none has an effect here").Hidden = true
	s.Repeated(&f.java, "java-option,X", "option of the Java machine").Hidden = true
	s.Repeated(&f.java, "java-agent", "option of the Java machine").Hidden = true
	s.String(&f.classpath, "classpath,C", "", "Java classes").Hidden = true
	s.String(&f.classpath, "plugins-path", "", "folders with Java classes").Hidden = true
}

func (f *avroClientFlags) run(ctx context.Context, app *cli.App) error {
	app.Begin()
	o := f.options
	if o.Port < 0 || o.Port > 65535 {
		return fault.Usagef("--port: there is no port %d", o.Port)
	}
	if _, err := sourceFlumeEnv(ctx, app, f.conf, false, 0); err != nil {
		return err
	}
	o.Stdin, o.Logf = app.In, app.Say
	sent, err := agent.Send(ctx, o)
	if err == nil || sent > 0 {
		if sent == 1 {
			app.Say("1 event sent")
		} else {
			app.Say("%d events sent", sent)
		}
	}
	return err
}

// avroClientExamples are those of the help.
func avroClientExamples() []op.Example {
	return []op.Example{{
		Note: "two lines for an agent that prints what it gets; the file has port 0, which is any free one",
		Command: `printf '%s\n' 'b.sources = r1' 'b.channels = c1' 'b.sinks = k1' \
  'b.sources.r1.type = avro' 'b.sources.r1.bind = 127.0.0.1' 'b.sources.r1.port = 0' 'b.sources.r1.channels = c1' \
  'b.channels.c1.type = memory' 'b.sinks.k1.type = logger' 'b.sinks.k1.channel = c1' > b.conf
logpipe agent -n b -f b.conf > events 2> messages &
until port=$(sed -n 's/.*r1: listens on .*://p' messages); [ "$port" ]; do sleep 0.1; done
printf 'one\ntwo\n' | logpipe avro-client -H 127.0.0.1 -p "$port"
kill $! ; wait; sed 's/.* Event: //' events`,
		Output: "{ headers:{} body: 6F 6E 65                                        one }\n" +
			"{ headers:{} body: 74 77 6F                                        two }\n",
	}}
}
