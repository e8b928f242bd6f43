package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// guarded is a broker that wants TLS and a password, with the files and settings
// for it.
type guarded struct {
	t       *testing.T
	dir     *logpipetest.Authority
	env     []string
	printed strings.Builder // all that was printed
}

const guardedSecret = "geheim,=\"x"

func newGuarded(t *testing.T) *guarded {
	a := logpipetest.NewAuthority(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "ann", guardedSecret))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	a.Write("password", []byte(guardedSecret+"\n"))
	a.Write("config.yaml", fmt.Appendf(nil, "tls: true\ntls-ca: %s\nsasl: scram-sha-512\nsasl-user: ann\nsasl-password: '%s'\n", a.Path("ca.pem"), guardedSecret))
	a.Write("client.properties", fmt.Appendf(nil, "security.protocol=SASL_SSL\nssl.truststore.location=%s\nsasl.mechanism=SCRAM-SHA-512\n"+
		`sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="geheim,=\\"x";`+"\n", a.Path("ca.pem")))
	return &guarded{t: t, dir: a, env: []string{"LOGPIPE_BROKERS=" + c.ListenAddrs()[0], "DIR=" + a.Path("")}}
}

func (g *guarded) run(line string) result {
	g.t.Helper()
	cmd := start(g.t, bash(g.t), "-c", "set -o pipefail; cd $DIR; "+line)
	cmd.Env = append(cmd.Env, g.env...)
	got := finish(g.t, cmd, "")
	fmt.Fprintf(&g.printed, "$ %s\n%s%s", line, got.out, got.err)
	return got
}

func (g *guarded) want(line, out string) {
	g.t.Helper()
	if got := g.run(line); got.code != 0 || !strings.Contains(got.out, out) {
		g.t.Errorf("%s: exit code %d\n%s%swant %s", line, got.code, got.out, got.err, out)
	}
}

// TestSecretsAreNotShown uses a broker with TLS and a password by flags, file and
// Flume's file, right and wrong: nothing that is printed holds the password.
func TestSecretsAreNotShown(t *testing.T) {
	g := newGuarded(t)
	const flags = " --tls --tls-ca ca.pem --sasl scram-sha-512 --sasl-user ann --sasl-password-file password"
	g.want("logpipe topic create t --partitions 2 -v"+flags, "")
	g.want("logpipe topic list -v --command-config client.properties", "t\n")
	g.want("logpipe broker test -v --json"+flags+"; logpipe broker test --command-config client.properties", `user "ann" by SCRAM-SHA-512`)
	g.run("logpipe broker test -v" + flags + " --sasl plain; sed 's/password=/passwort=/' client.properties >bad.properties; logpipe topic list -v --command-config bad.properties")
	g.env = append(g.env, "LOGPIPE_CONFIG="+g.dir.Path("config.yaml"))
	g.want("logpipe config", "sasl-password       (hidden)")
	g.want("seq 1 3 | logpipe produce t -v", "")
	g.want("logpipe consume t -o beginning -e -g g -v", "")
	g.want("logpipe group describe g", "g      Empty  t")
	g.want("logpipe topic dump t -v", `"value":"3"`)
	g.want("logpipe topic list -v; logpipe __complete topic describe ''", "t\n")
	g.want("logpipe topic create u && logpipe run 'consume t -o beginning -e | produce u' && logpipe consume u -o beginning -e | sort | head -1", "1")
	g.want("logpipe run --explain 'consume t -e | aggregate count'", "consume")
	g.want("logpipe run --as-pipe 'consume t -e"+flags+" | parse text'", "--sasl-password-file")
	g.want("logpipe consume t --explain", "consume")
	for _, wrong := range []string{"--sasl plain", "--sasl-user nobody", "--tls=false", "--tls-name x", "--sasl-password 'geheim'", "--sasl geheim-x", "--tls-ca config.yaml", "--nonsense"} {
		if got := g.run("logpipe consume t -e -v " + wrong); got.code == 0 {
			t.Errorf("%s works", wrong)
		}
	}
	for _, line := range []string{"sasl-passwort: geheim", "::geheim", "\tgeheim"} {
		g.run("cp config.yaml bad.yaml; printf '" + line + "\\n' >>bad.yaml; LOGPIPE_CONFIG=bad.yaml logpipe topic list")
	}
	g.run("unset LOGPIPE_CONFIG; LOGPIPE_SASL_PASSWORD=geheim logpipe topic list")
	g.agent(flags)

	for _, line := range strings.Split(g.printed.String(), "\n") {
		if strings.Contains(line, "geheim") && !strings.HasPrefix(line, "$ ") {
			t.Errorf("printed: %s", line)
		}
	}
}

// agent sends and reads with Flume's file.
func (g *guarded) agent(flags string) {
	g.t.Helper()
	security := func(prefix string) string {
		return prefix + "security.protocol = SASL_SSL\n" + prefix + "sasl.mechanism = SCRAM-SHA-512\n" +
			prefix + `sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required username="ann" password="geheim,=\\"x";` + "\n" +
			prefix + "ssl.truststore.location = " + g.dir.Path("ca.pem") + "\n"
	}
	broker := strings.TrimPrefix(g.env[0], "LOGPIPE_BROKERS=")
	conf := `a.sources = s k
a.channels = c d
a.sinks = out log
a.sources.s.type = seq
a.sources.s.totalEvents = 5
a.sources.s.channels = c
a.channels.c.type = org.apache.flume.channel.kafka.KafkaChannel
a.channels.c.kafka.bootstrap.servers = ` + broker + `
a.channels.c.kafka.topic = channel
` + security("a.channels.c.kafka.producer.") + security("a.channels.c.kafka.consumer.") + `
a.sinks.out.type = org.apache.flume.sink.kafka.KafkaSink
a.sinks.out.kafka.bootstrap.servers = ` + broker + `
a.sinks.out.kafka.topic = events
a.sinks.out.channel = c
` + security("a.sinks.out.kafka.producer.") + `
a.sources.k.type = org.apache.flume.source.kafka.KafkaSource
a.sources.k.kafka.bootstrap.servers = ` + broker + `
a.sources.k.kafka.topics = events
a.sources.k.kafka.consumer.auto.offset.reset = earliest
a.sources.k.channels = d
a.sources.k.batchSize = 100
` + security("a.sources.k.kafka.consumer.") + `
a.channels.d.type = memory
a.sinks.log.type = file_roll
a.sinks.log.sink.directory = rolled
a.sinks.log.sink.rollInterval = 0
a.sinks.log.channel = d
`
	g.dir.Write("a.conf", []byte(conf))
	g.dir.Write("bad.conf", []byte(strings.ReplaceAll(strings.ReplaceAll(conf, "ScramLoginModule", "Krb5LoginModule"), "required", "geheim required")))
	g.want("logpipe topic create events && logpipe topic create channel && mkdir rolled; logpipe agent -n a -f a.conf --check; logpipe agent -n a -f a.conf --explain", "kafka")
	if got := g.run("logpipe agent -n a -f bad.conf --check; echo exit $?; logpipe agent -n a -f bad.conf; echo exit $?"); strings.Count(got.out, "exit 2") != 2 {
		g.t.Errorf("a wrong login module: %s%s", got.out, got.err)
	}
	cmd := start(g.t, "logpipe", "agent", "-n", "a", "-f", "a.conf", "-Dflume.root.logger=DEBUG,console")
	cmd.Env, cmd.Dir = append(cmd.Env, g.env...), g.dir.Path("")
	var told strings.Builder
	cmd.Stderr, cmd.Stdout = &told, &told
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.want("timeout 120 logpipe consume events -o beginning -n 5 | sort | tr -d '\\n'; timeout 120 sh -c 'until [ $(cat rolled/* 2>/dev/null | wc -l) = 5 ]; do sleep .05; done'", "01234")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		g.t.Error(err)
	}
	ended := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer ended.Stop()
	_ = cmd.Wait() // by the signal
	g.printed.WriteString(told.String())
	if g.t.Failed() {
		g.t.Log(told.String())
	}
}
