package catalog

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// Kafka holds the settings by which every Kafka command finds its cluster.
type Kafka struct {
	brokers []string
	given   bool // they were
	pasted  bool // the brokers come from a flag of another tool
	wait    time.Duration
	file    string

	security    kafka.Security
	mechanism   string
	password    string // of the configuration file
	keyPassword string
}

// Options declares them, and what people paste from other tools.
func (k *Kafka) Options(s *option.Set) {
	k.AddressOptions(s)
	s.Duration(&k.wait, "wait", 0, "wait up to this `duration` for the first contact with a broker")
	s.String(&k.file, "command-config", "", "take TLS, SASL and brokers from this `file` of Kafka's Java tools (client.properties) or kcat; flags stand before it")
	k.securityOptions(s)
	for _, name := range []string{"producer.config", "consumer.config", "F,F"} { // the last one is kcat's
		s.Add(name, (*pastedFile)(&k.file), "the same as --command-config").Hidden = true
	}
	s.Add("zookeeper", gone{}, "refused: Kafka no longer uses ZooKeeper").Hidden = true
}

// AddressOptions declares those that name the cluster, for a command that does
// not speak to it as a client does.
func (k *Kafka) AddressOptions(s *option.Set) {
	k.brokers = []string{kafka.DefaultBroker}
	s.Add("brokers,b", &addresses{k: k}, "addresses of brokers, `HOST:PORT,…`")
	for _, name := range []string{"bootstrap-server", "broker-list"} {
		s.Add(name, &addresses{k: k, pasted: true}, "the same as --brokers").Hidden = true
	}
}

// Config is what a client of the cluster is made with.
func (k *Kafka) Config(log *slog.Logger) kafka.Config {
	security := k.security
	security.Mechanism = strings.ToUpper(k.mechanism)
	security.Password, security.KeyPassword, security.CAPassword = kafka.Secret(k.password), kafka.Secret(k.keyPassword), kafka.Secret(k.keyPassword)
	cfg := kafka.Config{Brokers: k.brokers, Wait: k.wait, Logger: log, Security: security, ClientFile: k.file}
	if k.file != "" && !k.given {
		cfg.Brokers = nil
	}
	return cfg
}

// pastedFile is the value of older names of --command-config.
type pastedFile string

func (v *pastedFile) Set(text string) error { *v = pastedFile(text); return nil }
func (v *pastedFile) String() string        { return "" }
func (v *pastedFile) Type() string          { return "file" }

// addresses is the value of --brokers and of its pasted forms. The settings of
// the environment are for --brokers alone, so they must not replace a pasted one.
type addresses struct {
	k      *Kafka
	pasted bool
}

func (v *addresses) Set(text string) error {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	if len(list) == 0 {
		return errors.New("want HOST:PORT, or several with commas between them")
	}
	if v.k.pasted && !v.pasted {
		return nil
	}
	v.k.brokers, v.k.given, v.k.pasted = list, true, v.pasted
	return nil
}

func (v *addresses) String() string { return strings.Join(v.k.brokers, ",") }
func (v *addresses) Type() string   { return "addresses" }

// gone is the value of --zookeeper.
type gone struct{}

func (gone) Set(string) error {
	return fault.Hint(errors.New("Kafka no longer uses ZooKeeper"),
		"-b HOST:9092 names a broker (--bootstrap-server does too)")
}
func (gone) String() string { return "" }
func (gone) Type() string   { return "address" }

// topicFlag declares --topic, by which other tools name topics.
func topicFlag(s *option.Set, topics *[]string) {
	s.Strings(topics, "topic,t", "the same as the argument `NAME`").Hidden = true
}
