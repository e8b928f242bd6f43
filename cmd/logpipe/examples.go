package main

import (
	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/op"
)

// examplesOf are the examples of a command, by its path.
func examplesOf(cmd *cobra.Command) []op.Example {
	if c, ok := catalog.Lookup(pathOf(cmd)); ok {
		return c.Examples
	}
	return examples()[pathOf(cmd)]
}

// examples of the commands that are no stages, by path.
func examples() map[string][]op.Example {
	return map[string][]op.Example{
		"run": {{
			Note:    "the same as: logpipe gen behavior -n 1000 --seed 7 | logpipe head 2",
			Command: `logpipe run 'gen behavior -n 1000 --seed 7 | head 2'`,
			Output:  "page60|6|3.9330482|0\npage2|9|4.6404496|0\n",
		}, {
			Note:    "as a line for the shell",
			Command: `logpipe run --as-pipe 'gen behavior -n 1000 --seed 7 | head 2'`,
			Output:  "logpipe gen behavior -n 1000 --seed 7 | logpipe head 2\n",
		}},
		"agent": agentExamples(),
		"config": {{
			Note:    "a variable stands before the file and the default",
			Command: `LOGPIPE_TZ=Europe/Berlin logpipe config | grep tz`,
		}},
		"completion": {{Command: `source <(logpipe completion bash)`}},
		"version":    {{Command: `logpipe version`}},
		"help":       {{Command: `logpipe help exit-codes`}},
	}
}

// rootExamples stand at the head of `logpipe help`.
func rootExamples() []op.Example {
	return examples()["run"][:1]
}
