package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/op"
	"github.com/logpipe/logpipe/pkg/option"
)

const diagnoseAbout = "Each broker of -b is looked up (dns), dialled (tcp), spoken to in TLS (tls) and as Kafka (api), told who we are (sasl) and " +
	"asked for its cluster (metadata). Then each broker of the cluster is met where it says that it is (advertised): most of what fails " +
	"behind a first contact is an address there that is right inside of a container or a VM alone. At last a record for each broker " +
	"goes there (produce) and comes back (consume), in a topic that is made for it and deleted again, also after Ctrl-C.\n\n" +
	"A line a step: how it ended (ok, FAILED, off = nothing to do, - = not tried), how long it took and what it saw. It ends with 0 where all " +
	"is well, with 4 where no broker was reached, else with 1."

func diagnoseExamples() []op.Example {
	return []op.Example{{
		Note:    "which step fails, and what to do",
		Command: `logpipe broker -- logpipe broker test | awk '{ print $1, $2 }' | paste -s -d ' '`,
		Output:  "off dns ok tcp off tls ok api off sasl ok metadata ok advertised ok topic ok produce ok consume ok delete\n",
	}, {
		Note:    "for scripts",
		Command: `logpipe broker -- logpipe broker test --json --read-only | logpipe where 'step == "metadata"' | logpipe select result facts.cluster`,
		Output:  `{"result":"ok","facts.cluster":"logpipe"}` + "\n",
	}}
}

// diagnose holds the settings of `broker test`.
type diagnose struct {
	app     *cli.App
	cluster catalog.Kafka
	with    kafka.DiagnoseConfig
	json    bool
	several bool // addresses were given
	told    bool // a step has failed
	err     error
	stop    context.CancelFunc
}

// newDiagnose makes the command that walks the way to a cluster.
func newDiagnose(app *cli.App) *cobra.Command {
	d := &diagnose{app: app}
	var own, common option.Set
	own.String(&d.with.Topic, "topic", "", "write the record into this topic `NAME`, which stays; without it into one that is deleted again")
	own.Bool(&d.with.ReadOnly, "read-only", "write nothing; with --topic its last record is read")
	own.Span(&d.with.Timeout, "timeout", "wait up to this `duration` at each step; without it 5s, and less than a second for the first contact")
	own.Bool(&d.json, "json", "a JSON object a step")
	d.cluster.Options(&own)
	cmd := &cobra.Command{
		Use:                   "test",
		Short:                 "walk the way to a cluster step by step, and say which one fails",
		Long:                  diagnoseAbout,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			app.SetCommand("broker test")
			if err := fill(app, cmd, &own); err != nil {
				return err
			}
			app.Begin()
			if len(args) > 0 {
				return fault.Hint(fault.Usagef("takes no word, but got %q", args[0]), "-b %s names the broker", args[0])
			}
			return d.run(cmd.Context())
		},
	}
	app.Shared.Common(&common)
	addFlags(cmd, &own)
	addShared(cmd, &common)
	completeFlags(cmd)
	completeNameFlag(app, cmd, "topic", topicNames)
	return cmd
}

func (d *diagnose) run(ctx context.Context) error {
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	cfg := d.cluster.Config(d.app.Log)
	d.several = len(cfg.Brokers) != 1 // a client file may have any number
	d.with.Tell, d.with.Release = d.tell, broker.Release
	err := kafka.Diagnose(ctx, cfg, d.with)
	if d.err != nil {
		return d.err
	}
	return err
}

// tell prints a step. Where that does not work nothing more is tried.
func (d *diagnose) tell(s kafka.Step) {
	if d.err != nil {
		return
	}
	if d.json {
		enc := json.NewEncoder(d.app.Out)
		enc.SetEscapeHTML(false)
		d.err = enc.Encode(stepJSON(s))
	} else {
		_, d.err = fmt.Fprint(d.app.Out, d.line(s))
	}
	if d.err != nil {
		d.stop()
	}
}

// toldStep is a step in --json.
type toldStep struct {
	Step   string         `json:"step"`
	Broker string         `json:"broker,omitempty"`
	Result string         `json:"result"`
	Millis float64        `json:"ms"`
	Saw    string         `json:"saw,omitempty"`
	Error  string         `json:"error,omitempty"`
	Hint   string         `json:"hint,omitempty"`
	Facts  map[string]any `json:"facts,omitempty"`
}

func stepJSON(s kafka.Step) toldStep {
	t := toldStep{Step: s.Name, Broker: s.Broker, Result: string(s.Result), Millis: float64(s.Took.Microseconds()) / 1000, Saw: s.Saw, Facts: s.Facts}
	if s.Err != nil {
		t.Error, t.Hint = s.Err.Error(), fault.HintOf(s.Err)
	}
	return t
}

// line is a step for people. The hint of the first one that fails is that of the
// command's error.
func (d *diagnose) line(s kafka.Step) string {
	word, took, saw := string(s.Result), s.Time(), s.Saw
	color := ""
	switch s.Result {
	case kafka.Passed:
		color = "\x1b[32m"
	case kafka.Failure:
		word, color = "FAILED", "\x1b[31m"
		if saw = s.Err.Error(); s.Saw != "" {
			saw += " (" + s.Saw + ")"
		}
	case kafka.Untried:
		word, took, saw = "-", "", "not tried"
	default:
		took = ""
	}
	if d.several && s.Broker != "" && s.Name != "advertised" && s.Result != kafka.Failure {
		saw = s.Broker + ": " + saw
	}
	word = fmt.Sprintf("%-6s", word)
	if d.app.Color && color != "" {
		word = color + word + "\x1b[0m"
	}
	text := strings.TrimRight(fmt.Sprintf("%s  %-10s  %8s  %s", word, s.Name, took, fault.Visible(saw)), " ") + "\n"
	if s.Err != nil && d.told && fault.HintOf(s.Err) != "" {
		text += strings.Repeat(" ", 30) + "hint: " + fault.Visible(fault.HintOf(s.Err)) + "\n"
	}
	d.told = d.told || s.Err != nil
	return text
}
