package main

import (
	"maps"
	"strings"

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
	all := map[string][]op.Example{
		"broker":            brokerExamples(),
		"broker node":       nodeExamples(),
		"broker node list":  nodeListExamples(),
		"broker node stop":  nodeStopExamples(),
		"broker node start": nodeStartExamples(),
		"broker test":       diagnoseExamples(),
		"run": {{
			Note:    "what five processes in a pipe would do, in one",
			Command: `logpipe run 'gen access -n 20000 | parse access | enrich | aggregate --by country count | top 2'`,
			Output:  topCountries,
		}, {
			Note: "a file, a pattern of files, or standard input; compressed or not",
			Command: `logpipe gen access -n 1000 > access.log; logpipe gen access -n 500 --seed 2 | gzip > access.log.1.gz
logpipe run 'parse access | aggregate count' access.log 'access.log.*.gz'`,
			Output: "{\"count\":1500}\n",
		}, {
			Note:    "the same as a line for the shell",
			Command: `logpipe run --as-pipe 'parse access | where "status >= 500"' access.log`,
			Output:  "logpipe parse access access.log | logpipe where 'status >= 500'\n",
		}, {
			Note:    "what runs on all cores, and what in order",
			Command: `logpipe run --workers 2 --explain 'parse access | aggregate --by status count | top 3'`,
			Output: `input        standard input
parse        block by block on 2 cores, output in input order
aggregate    a table per worker on 2 cores, merged; rows in order
top          in input order, on one core
output       standard output
`,
		}},
		"agent":       agentExamples(),
		"avro-client": avroClientExamples(),
		"demo":        demoExamples(),
		"config": {{
			Note:    "a variable stands before the file and the default",
			Command: `LOGPIPE_TZ=Europe/Berlin logpipe config | grep -e SETTING -e tz`,
			Output:  "SETTING             VALUE           ORIGIN\ntz                  Europe/Berlin   LOGPIPE_TZ\n",
		}},
		"completion": {{
			Note:    "for this shell: source <(logpipe completion bash)",
			Command: `logpipe completion bash | head -n 1`,
			Output:  "# bash completion V2 for logpipe                              -*- shell-script -*-\n",
		}},
		"version": {{
			Note:    "the data behind country",
			Command: `logpipe version | grep countries`,
			Output:  places() + "\n",
		}},
		"help": {{
			Command: `logpipe help exit-codes | head -n 5`,
			Output:  strings.Join(strings.SplitAfter(exitCodes(), "\n")[:5], ""),
		}},
	}
	maps.Copy(all, topicExamples())
	maps.Copy(all, groupExamples())
	return all
}

// rootExamples stand at the head of `logpipe help`.
func rootExamples() []op.Example {
	return []op.Example{{
		Command: `logpipe gen access -n 20000 | logpipe parse access | logpipe enrich \
  | logpipe aggregate --by country count | logpipe top 2`,
		Output: topCountries,
	}, examples()["run"][0]}
}

// topCountries is what the pipe of the first examples prints.
const topCountries = `{"country":"US","count":8386,"rank":1}
{"country":null,"count":2695,"rank":2}
`
