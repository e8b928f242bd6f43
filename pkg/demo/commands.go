package demo

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
)

// conf is the agent's property file: a command that follows the log, a channel
// in memory, and a topic.
func conf(command, shell, brokers string) string {
	lines := []string{
		"sources = log",
		"channels = memory",
		"sinks = topic",
		"sources.log.type = exec",
		"sources.log.command = " + command,
		"sources.log.shell = " + shell,
		"sources.log.batchSize = 100",
		"sources.log.channels = memory",
		"channels.memory.type = memory",
		"channels.memory.capacity = 10000",
		"channels.memory.transactionCapacity = 1000",
		"sinks.topic.type = org.apache.flume.sink.kafka.KafkaSink",
		"sinks.topic.kafka.bootstrap.servers = " + brokers,
		"sinks.topic.kafka.topic = " + topic,
		"sinks.topic.channel = memory",
	}
	var b strings.Builder
	for _, line := range lines {
		if !strings.HasSuffix(line, " = ") {
			b.WriteString(agentName + "." + line + "\n")
		}
	}
	return b.String()
}

// The command that follows the log from its first line, as every Flume file
// does it, and its shell.
const (
	follow = "tail -n +1 -F "
	shell  = "/bin/sh -c"
)

// writeConf writes the property file and returns its name.
func writeConf(dir, logFile, brokers string) (string, error) {
	command, with, err := follower(logFile)
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, confName)
	// A backslash would be an escape in a property file.
	text := conf(strings.ReplaceAll(command, `\`, `\\`), with, brokers)
	return name, os.WriteFile(name, []byte(text), 0o666)
}

// follower returns the command that follows a file, and the shell for it. Where
// there is no tail (Windows), this program follows the file itself; without a
// shell, no blank may be in a name.
func follower(file string) (command, with string, err error) {
	_, err = exec.LookPath("tail")
	if err == nil {
		if _, err = os.Stat("/bin/sh"); err == nil {
			return follow + catalog.Quote(file), shell, nil
		}
	}
	self, err := os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("there is no program tail here: %w", err)
	}
	for _, name := range []string{self, file} {
		if strings.ContainsAny(name, " \t") {
			return "", "", fault.Hint(fmt.Errorf("there is no program tail here, and a blank is in %s", name),
				"set TMP to a folder without blanks in its name")
		}
	}
	return self + " tail --from beginning " + file, "", nil
}

// Commands lists the commands for a shell that do what the demo does, in a
// folder and with a broker of their own. The last one ends what the others left
// in the background.
func Commands(o Options) ([]string, error) {
	p, err := catalog.Parse("", consume(""), nil)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return []string{
		`dir=$(mktemp -d) && cd "$dir"`,
		"export LOGPIPE_BROKERS=" + addr,
		"logpipe broker --listen $LOGPIPE_BROKERS & broker=$!",
		"logpipe topic create " + topic + " --wait 10s",
		"logpipe gen access --rate " + strconv.FormatFloat(o.Rate, 'f', -1, 64) + " >" + logName + " & log=$!",
		"cat >" + confName + " <<END\n" + conf(follow+logName, shell, "$LOGPIPE_BROKERS") + "END",
		"logpipe agent -n " + agentName + " -f " + confName + " & agent=$!",
		strings.ReplaceAll(p.Shell(nil, nil), " | ", " |\n  "),
		`kill $log $agent $broker; rm -r "$dir"`,
	}, nil
}

// Where the commands' broker listens: below the ports that systems give to any
// connection (from 32768 on Linux, 49152 elsewhere). One of those may be taken before
// somebody has pasted the commands.
const (
	firstPort = 10000
	lastPort  = 15000
)

// freeAddress is an address that nobody listens on now.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort))))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
