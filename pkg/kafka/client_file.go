package kafka

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// A client file is what people of a secured cluster hand out: client.properties,
// as Kafka's Java tools take it with --command-config, or kcat's, which names some
// of its settings otherwise (librdkafka's CONFIGURATION.md).

// unusedByFiles are settings that stand in such files and mean nothing here: they
// tune a client, or are given by flags.
var unusedByFiles = []string{
	"ssl.protocol", "ssl.provider", "ssl.enabled.protocols", "ssl.cipher.suites", "ssl.keymanager.algorithm", "ssl.trustmanager.algorithm",
	"ssl.secure.random.implementation", "sasl.login.", "sasl.kerberos.", "sasl.client.callback.handler.class", "log.", "debug", "session.timeout.ms",
	"acks", "compression.type", "linger.ms", "enable.idempotence", "max.request.size", "buffer.memory", "delivery.timeout.ms",
	"group.id", "auto.offset.reset", "isolation.level", "max.partition.fetch.bytes", "socket.", "broker.address.family", "api.version.request",
}

// clientFile is one that is being read.
type clientFile struct {
	path     string
	java     JavaSecurity
	names    flume.Properties
	brokers  []string
	client   string
	security Security // what librdkafka names alone
	unknown  []string // settings, with their line
}

// completed is cfg with what its ClientFile says and cfg does not.
func (cfg Config) completed() (Config, error) {
	if cfg.ClientFile == "" {
		return cfg, nil
	}
	f, err := readClientFile(cfg.ClientFile)
	if err != nil {
		return cfg, err
	}
	if len(f.unknown) > 0 {
		told := f.unknown
		if more := len(told) - 5; more > 0 {
			told = append(told[:5:5], fmt.Sprintf("and %d more", more))
		}
		cfg.log().Warn(fmt.Sprintf("%s: not used: %s", f.path, strings.Join(told, ", ")))
	}
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = f.brokers
	}
	if cfg.ClientID == "" {
		cfg.ClientID = f.client
	}
	cfg.Security = cfg.Security.over(f.security)
	cfg.ClientFile = ""
	return cfg, nil
}

// over is s with what other says of things that s says nothing about.
func (s Security) over(other Security) Security {
	s.TLS = s.TLS || other.TLS
	if s.CA == "" && s.CAText == "" {
		s.CA, s.CAText, s.CAPassword = other.CA, other.CAText, other.CAPassword
	}
	if s.Cert == "" && s.CertText == "" {
		s.Cert, s.Key, s.CertText, s.KeyText, s.KeyPassword = other.Cert, other.Key, other.CertText, other.KeyText, other.KeyPassword
	}
	if s.ServerName == "" {
		s.ServerName, s.AnyServerName = other.ServerName, other.AnyServerName
	}
	if s.Mechanism == "" {
		s.Mechanism = other.Mechanism
	}
	if s.User == "" {
		s.User = other.User
	}
	if s.Password == "" && s.PasswordFile == "" {
		s.Password = other.Password
	}
	if s.TokenFile == "" {
		s.TokenFile = other.TokenFile
	}
	return s
}

// readClientFile reads a file. Its errors are of usage and show no value.
func readClientFile(path string) (*clientFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.With(fault.Usage, err)
	}
	f := &clientFile{path: path}
	f.java.Describe(&f.names, "")
	f.java.trust, f.java.key = javaStore{kind: "JKS"}, javaStore{kind: "JKS"} // the agent's variables are for it alone
	for _, p := range properties(data) {
		if err := f.set(p); err != nil {
			return nil, fault.Usagef("%s:%d: %s: %w", path, p.line, p.name, err)
		}
	}
	return f, f.finish()
}

// set takes a setting.
func (f *clientFile) set(p property) error {
	s := &f.security
	switch p.name {
	case "bootstrap.servers", "metadata.broker.list":
		f.brokers = Addresses(p.value)
	case "client.id":
		f.client = p.value
	case "sasl.mechanisms": // librdkafka's, of which one counts
		p.name = "sasl.mechanism"
		return f.assign(p)
	case "sasl.username":
		s.User = p.value
	case "sasl.password":
		s.Password = Secret(p.value)
	case "ssl.ca.location":
		s.CA = p.value
	case "ssl.ca.pem":
		s.CAText = Secret(p.value)
	case "ssl.certificate.location":
		s.Cert = p.value
	case "ssl.certificate.pem":
		s.CertText = Secret(p.value)
	case "ssl.key.location":
		s.Key = p.value
	case "ssl.key.pem":
		s.KeyText = Secret(p.value)
	case "ssl.endpoint.identification.algorithm":
		if strings.EqualFold(p.value, "none") {
			p.value = ""
		}
		return f.assign(p)
	case "enable.ssl.certificate.verification":
		if !strings.EqualFold(p.value, "true") {
			return fault.Hint(errors.New("who does not verify certificates speaks to anybody"), "ssl.ca.location names the certificate of who has signed the brokers'")
		}
	case "config.providers":
		return fault.Hint(errors.New("values that other files or programs provide are not read"), "write them into this file")
	default:
		return f.assign(p)
	}
	return nil
}

// assign takes a setting by Java's names.
func (f *clientFile) assign(p property) error {
	q, _ := f.names.Lookup(p.name)
	if q != nil && !q.Family {
		return q.Assign(p.name, p.value)
	}
	known := func(name string) bool {
		return p.name == name || strings.HasSuffix(name, ".") && strings.HasPrefix(p.name, name)
	}
	if slices.ContainsFunc(unusedByFiles, known) {
		return nil
	}
	for _, list := range [][]unused{unusedByClients, unusedByProducers, unusedByConsumers} {
		for _, u := range list {
			if slices.Contains(strings.Fields(u.names), p.name) {
				return nil
			}
		}
	}
	what := fmt.Sprintf("line %d", p.line)
	if p.value != "" && likeSetting(p.name) { // who names the wrong file does not want to see its secret
		what = fmt.Sprintf("%s (%s)", p.name, what)
	}
	f.unknown = append(f.unknown, what)
	return nil
}

// likeSetting tells whether a name is like those of settings: small letters with
// dots between.
func likeSetting(name string) bool {
	return strings.Contains(name, ".") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// finish puts together what the settings mean.
func (f *clientFile) finish() error {
	own := f.security
	if own.User != "" || own.Password != "" { // librdkafka has no login modules
		f.java.jaas = jaas{loginModules[f.java.mechanism], map[string]string{"username": own.User, "password": string(own.Password)}}
	}
	if problems := f.java.Check(""); len(problems) > 0 {
		p := problems[0]
		return fault.Hint(fault.Usagef("%s: %s: %s", f.path, p.Property, p.Message), "%s", p.Fix)
	}
	s := f.java.Security()
	if s.TLS {
		if own.CA != "" || own.CAText != "" {
			s.CA, s.CAText, s.CAPassword = own.CA, own.CAText, ""
		}
		if own.Cert != "" || own.CertText != "" {
			s.Cert, s.Key, s.CertText, s.KeyText, s.KeyPassword = own.Cert, own.Key, own.CertText, own.KeyText, Secret(f.java.keyPassword)
		}
	}
	f.security = s
	return nil
}
