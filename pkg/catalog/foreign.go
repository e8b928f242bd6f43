package catalog

import (
	"errors"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// foreignFlag is a flag of another tool that is refused, with what to write here.
type foreignFlag struct {
	name string
	bare bool // takes no value
	hint string
}

const (
	asFlags  = "logpipe takes its settings as flags, or from LOGPIPE_* and config.yaml: logpipe help config"
	asClient = "--command-config F takes such settings from a file, a line each; --tls and --sasl are flags"
	leaveOut = "leave it out: logpipe does without it"
)

// consumerFlags are those of kafka-console-consumer and of kcat.
func consumerFlags() []foreignFlag {
	return []foreignFlag{
		{"property", false, "-J prints key, headers, timestamp, partition and offset; -f what you choose: -f '%T %k %s\\n'"},
		{"formatter-property", false, "-J prints key, headers, timestamp, partition and offset; -f what you choose: -f '%T %k %s\\n'"},
		{"formatter", false, "-J prints key, headers, timestamp, partition and offset; -f what you choose: -f '%T %k %s\\n'"},
		{"timeout-ms", false, "-e ends where the topic ends"},
		{"key-deserializer", false, leaveOut},
		{"value-deserializer", false, leaveOut},
		{"skip-message-on-error", true, leaveOut},
		{"consumer-property", false, asFlags},
		{"command-property", false, asFlags},
		{"client-property,X", false, asClient},
	}
}

// producerFlags are those of kafka-console-producer and of kcat.
func producerFlags() []foreignFlag {
	return []foreignFlag{
		{"property", false, "--key-field takes the key from a field, -J all of a record from consume -J"},
		{"reader-property", false, "--key-field takes the key from a field, -J all of a record from consume -J"},
		{"line-reader", false, leaveOut},
		{"sync", true, leaveOut},
		{"batch-size", false, leaveOut},
		{"message-send-max-retries", false, leaveOut},
		{"retry-backoff-ms", false, leaveOut},
		{"max-block-ms", false, leaveOut},
		{"max-partition-memory-bytes", false, leaveOut},
		{"max-memory-bytes", false, leaveOut},
		{"metadata-expiry-ms", false, leaveOut},
		{"socket-buffer-size", false, leaveOut},
		{"producer-property", false, asFlags},
		{"command-property", false, asFlags},
		{"client-property,X", false, asClient},
	}
}

// foreign declares flags that are refused with a hint.
func foreign(s *option.Set, list []foreignFlag) {
	for _, f := range list {
		o := s.Add(f.name, elsewhere{f.hint}, "refused: a flag of another tool")
		o.Hidden = true
		if f.bare {
			o.Bare = "true"
		}
	}
}

// elsewhere is the value of a flag of another tool.
type elsewhere struct{ hint string }

func (e elsewhere) Set(string) error {
	return fault.Hint(errors.New("a flag of Kafka's own tools that logpipe does not have"), "%s", e.hint)
}
func (elsewhere) String() string { return "" }
func (elsewhere) Type() string   { return "value" }

// without declares switches of kcat that say what is so anyway.
func without(s *option.Set, names ...string) {
	for _, name := range names {
		s.Bool(new(bool), name, "what it does anyway").Hidden = true
	}
}
