package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/keystore"
	"github.com/logpipe/logpipe/pkg/option"
)

// brokerAbout is the text of `broker --help`.
const brokerAbout = "`logpipe broker` alone runs until Ctrl-C, for the commands of other terminals. Any Kafka client can use it. It is made for one " +
	"machine and for CI.\n\n" +
	"With a command, the broker starts on a free port, LOGPIPE_BROKERS is set for the command, and both end " +
	"together, with the command's exit code. Signals are passed on. Without a terminal, what the command has " +
	"left running in the background is ended with SIGTERM.\n\n" +
	"--nodes 3 listens on three ports in a row, each a broker to clients, with leaders, elections and a replication factor to practise with: " +
	"`logpipe broker node stop ID` in another terminal stops one. They are one process with one log: they give no fault tolerance, " +
	"and a stopped node takes no record with it.\n\n" +
	"What is acknowledged outlives the end of the process, kill -9 too; with --fsync also a fall of the machine. " +
	"A write that fails, as on a full disk, ends the broker before it answers. " +
	"Retention and compaction run every --cleanup-every. Topics are made when a producer asks for them, with one partition.\n\n" +
	"Not as Kafka's:\n" + brokerLimits

// brokerLimits are held by TestLimits of pkg/broker, where they can be seen.
const brokerLimits = `- One log: acks=all and min.insync.replicas wait for nobody, and a partition with one replica gets a new leader too.
- Everybody may do everything, after a login too. ACLs, quotas, passwords, folders and reassignments cannot be set; --users is read at the start.
- Retention goes by batch, where Kafka goes by segment, and does not spare the newest one. retention.ms counts for a topic that is only compacted too; without it such a topic gets retention.ms=-1.
- Where the end of a partition cannot be noted, as on a full disk, nothing is taken by retention or compaction: free some space.
- A compacted topic takes records without a key, which Kafka refuses, and compaction drops them.
- Compaction leaves the newest batch as it is. It reads a partition into memory, and nobody is answered meanwhile.
- With --fsync, an error that the disk tells at fsync alone, not at the write before it, is not seen.
- After kill -9 transactions that were open are aborted, and what delete-records had taken is back, unless that were whole segments.
- An election of leaders by hand takes the next node, preferred or not.
- Where a client wants replicas to be (kafka-topics --replica-assignment) only says how many there are to be. Settings of topics that it does not act on, such as min.compaction.lag.ms, are kept and shown.
- kafka-transactions lists a transaction once for each node, and kafka-metadata-quorum has nothing to show.
- CreateTopics goes to version 4, and lists of topics come whole (no DescribeTopicPartitions).
- No tiered storage, delegation tokens, OAUTHBEARER or GSSAPI; --dir holds files of its own, which Kafka's tools do not read.`

// brokerSettings are what `broker` is told by flags.
type brokerSettings struct {
	cfg      broker.Config
	sasl     []string
	users    string
	cert     string
	key      string
	password string // file
	clientCA string
}

// options declares them. They are flags alone: in the environment and in the
// configuration file the same names say how our clients connect.
func (s *brokerSettings) options(own *option.Set) {
	c := &s.cfg
	own.String(&c.Listen, "listen", broker.DefaultListen, "`address` of the broker; with a command: any free port of this machine")
	own.String(&c.Advertise, "advertise", "", "tell clients this `host`; without it that of --listen")
	own.String(&c.Dir, "dir", "", "keep the records in this `folder`; without it they end with the broker")
	own.Int(&c.Nodes, "nodes", 1, "`number` of addresses on ports in a row, each a broker to clients; they share one log")
	own.Bool(&c.Sync, "fsync", "wait for the disk before a record is acknowledged: it then outlives a fall of the machine too")
	own.Duration(&c.Cleanup, "cleanup-every", broker.DefaultCleanup, "`pause` between two runs of retention and compaction (Kafka: 5m)")
	own.Strings(&s.sasl, "sasl", "let in who logs in by this `mechanism`: "+strings.Join(saslWords(), ", ")+", or several")
	own.String(&s.users, "users", "", "the `file` with those who may log in: NAME:PASSWORD in each line")
	own.String(&s.cert, "tls-cert", "", "speak TLS with this certificate: a `file` in PEM, or a JKS or PKCS12 store with its key")
	own.String(&s.key, "tls-key", "", "the `file` with its private key, in PEM")
	own.String(&s.password, "tls-password-file", "", "the `file` with the password of a JKS or PKCS12 store")
	own.String(&s.clientCA, "tls-client-ca", "", "let in who shows a certificate of those in this `file`")
}

// saslWords are the mechanisms as they are typed.
func saslWords() []string {
	var words []string
	for _, m := range broker.Mechanisms() {
		words = append(words, strings.ToLower(m))
	}
	return words
}

// config checks the settings and reads the files that they name.
func (s *brokerSettings) config(app *cli.App) (broker.Config, error) {
	cfg := s.cfg
	cfg.Logger, cfg.Control = app.Log, true
	if cfg.Nodes < 1 {
		return cfg, fault.Usagef("--nodes: want a number of addresses from 1, not %d", cfg.Nodes)
	}
	if cfg.Cleanup < time.Millisecond {
		return cfg, fault.Usagef("--cleanup-every: want a duration from 1ms, not %s", option.FormatDuration(cfg.Cleanup))
	}
	var err error
	if cfg.Login, err = s.login(); err != nil {
		return cfg, err
	}
	cfg.TLS, err = s.tls()
	return cfg, err
}

func (s *brokerSettings) login() (*broker.Login, error) {
	switch {
	case len(s.sasl) == 0 && s.users == "":
		return nil, nil
	case len(s.sasl) == 0:
		return nil, fault.Hint(fault.Usagef("--users needs --sasl"), "--sasl scram-sha-256 lets those in who prove their password")
	case s.users == "":
		return nil, fault.Hint(fault.Usagef("--sasl needs --users"), "the file has NAME:PASSWORD in each line")
	}
	l := &broker.Login{}
	for _, word := range s.sasl {
		name := strings.ToUpper(word)
		if rest, ok := strings.CutPrefix(name, "SCRAM-"); ok && !strings.HasPrefix(rest, "SHA-") {
			name = "SCRAM-SHA-" + rest
		}
		found := ""
		for _, m := range broker.Mechanisms() {
			if m == name {
				found = m
			}
		}
		if found == "" {
			return nil, fault.Usagef("--sasl: want one of %s, not %q", strings.Join(saslWords(), ", "), word)
		}
		l.Mechanisms = append(l.Mechanisms, found)
	}
	f, err := os.Open(s.users)
	if err != nil {
		return nil, fault.Usagef("--users: %w", err)
	}
	defer f.Close()
	if l.Users, err = broker.ReadUsers(f); err != nil {
		return nil, fault.Usagef("--users %s: %w", s.users, err)
	}
	return l, nil
}

func (s *brokerSettings) tls() (*tls.Config, error) {
	if s.cert == "" {
		if s.key != "" || s.password != "" || s.clientCA != "" {
			return nil, fault.Usagef("--tls-key, --tls-password-file and --tls-client-ca need --tls-cert")
		}
		return nil, nil
	}
	var password kafka.Secret
	var err error
	if s.password != "" {
		if password, err = kafka.ReadSecret(s.password); err != nil {
			return nil, fmt.Errorf("--tls-password-file: %w", err)
		}
	}
	pair, err := keystore.Pair(s.cert, s.key, string(password))
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if s.clientCA == "" {
		return c, nil
	}
	trusted, err := keystore.Trusted(s.clientCA, string(password))
	if err != nil {
		return nil, fmt.Errorf("--tls-client-ca: %w", err)
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	for _, cert := range trusted {
		c.ClientCAs.AddCert(cert)
	}
	return c, nil
}
