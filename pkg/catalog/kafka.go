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
	pasted  bool // the brokers come from a flag of another tool
	wait    time.Duration

	security    kafka.Security
	mechanism   string
	password    string // of the configuration file
	keyPassword string
}

// Options declares them, and what people paste from other tools.
func (k *Kafka) Options(s *option.Set) {
	k.brokers = []string{kafka.DefaultBroker}
	s.Add("brokers,b", &addresses{k: k}, "addresses of brokers, `HOST:PORT,…`")
	s.Duration(&k.wait, "wait", 0, "wait up to this `duration` for the first contact with a broker")
	k.securityOptions(s)
	for _, name := range []string{"bootstrap-server", "broker-list"} {
		s.Add(name, &addresses{k: k, pasted: true}, "the same as --brokers").Hidden = true
	}
	s.Add("zookeeper", gone{}, "refused: Kafka no longer uses ZooKeeper").Hidden = true
}

// Config is what a client of the cluster is made with.
func (k *Kafka) Config(log *slog.Logger) kafka.Config {
	security := k.security
	security.Mechanism = strings.ToUpper(k.mechanism)
	security.Password, security.KeyPassword, security.CAPassword = kafka.Secret(k.password), kafka.Secret(k.keyPassword), kafka.Secret(k.keyPassword)
	return kafka.Config{Brokers: k.brokers, Wait: k.wait, Logger: log, Security: security}
}

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
	v.k.brokers, v.k.pasted = list, v.pasted
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
	s.Strings(topics, "topic", "the same as the argument `NAME`").Hidden = true
}
