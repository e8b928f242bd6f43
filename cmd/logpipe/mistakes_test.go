package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// mistake is something that goes wrong between a user and a cluster.
type mistake struct {
	name string
	line string // for logpipe
	code int
	says string // the one line on standard error, a regular expression behind "logpipe COMMAND: "
	hint string // what the next line says; "" = there is none
	kcat string // the same for kcat
	java string // and for Kafka's own tools, by the name of the tool
}

// mistakes is the table. The lines know where things are by variables: DOWN
// (nobody listens), HTTP (no broker), PLAIN and SECURED (a plaintext port and one
// with TLS and users), CA, PASSWORD (a file) and WRONG (another).
func mistakes() []mistake {
	const as = " --tls --tls-ca $CA --sasl scram-sha-256 --sasl-user "
	return []mistake{
		{"broker down, list", "logpipe topic list -b $DOWN", 4, `broker \S+: connection refused`, "logpipe broker", "kcat -L -b $DOWN", "kafka-topics --list --bootstrap-server $DOWN"},
		{"broker down, produce", "echo x | logpipe produce t -b $DOWN", 4, `broker \S+: connection refused`, "logpipe broker",
			"echo x | kcat -P -t t -b $DOWN", "kafka-console-producer --topic t --bootstrap-server $DOWN"},
		{"broker down, consume", "logpipe consume t -b $DOWN", 4, `broker \S+: connection refused`, "logpipe broker",
			"kcat -C -t t -b $DOWN", "kafka-console-consumer --topic t --bootstrap-server $DOWN"},
		{"no such host", "logpipe topic list -b nowhere.invalid:9092", 4, `broker nowhere.invalid:9092: (no such host "nowhere.invalid"|the name .* could not be looked up.*|no answer in time)`, "check the",
			"kcat -L -b nowhere.invalid:9092", "kafka-topics --list --bootstrap-server nowhere.invalid:9092"},
		{"wrong port", "logpipe topic list -b $HTTP", 4, `broker \S+: answers HTTP, so it is not a Kafka broker`, "-b HOST:PORT",
			"kcat -L -b $HTTP", "kafka-topics --list --bootstrap-server $HTTP"},
		{"TLS to a plain port", "logpipe topic list -b $PLAIN --tls --tls-ca $CA", 4, `broker \S+: closes the connection where TLS begins: the port does not speak TLS`, "leave --tls out",
			"kcat -L -b $PLAIN -X security.protocol=ssl -X ssl.ca.location=$CA", ""},
		{"plain to a TLS port", "logpipe topic list -b $SECURED", 4, `broker \S+: (the port expects TLS|closes the connection without an answer: not a Kafka broker, or one that expects TLS)`, "--tls speaks", "kcat -L -b $SECURED", "kafka-topics --list --bootstrap-server $SECURED"},
		{"who signed the certificate?", "logpipe topic list -b $SECURED --tls", 4, `broker \S+: its certificate is signed by nobody who is trusted`, "--tls-ca FILE",
			"kcat -L -b $SECURED -X security.protocol=ssl", ""},
		{"no user", "logpipe topic list -b $SECURED --tls --tls-ca $CA", 4, `broker \S+: wants to know who we are \(SASL\)`, "scram-sha-256",
			"kcat -L -b $SECURED -X security.protocol=ssl -X ssl.ca.location=$CA", ""},
		{"wrong password", "logpipe topic list -b $SECURED" + as + "bob --sasl-password-file $WRONG", 1, `broker \S+: refuses user "bob" \(SCRAM-SHA-256\).*`, "--sasl-user",
			"kcat -L -b $SECURED -X security.protocol=sasl_ssl -X ssl.ca.location=$CA -X sasl.mechanisms=SCRAM-SHA-256 -X sasl.username=bob -X sasl.password=wrong", ""},
		{"unauthorised, describe", "logpipe topic describe t -b $SECURED" + as + "bob --sasl-password-file $PASSWORD", 1, `topic "t": not authorized`, "access rule", "", ""},
		{"unauthorised, consume", "logpipe consume t -e -b $SECURED" + as + "bob --sasl-password-file $PASSWORD", 1, `topic "t": not authorized`, "access rule",
			"kcat -C -e -t t -b $SECURED -X security.protocol=sasl_ssl -X ssl.ca.location=$CA -X sasl.mechanisms=SCRAM-SHA-256 -X sasl.username=bob -X sasl.password=$(cat $PASSWORD)", ""},
		{"unauthorised, produce", "echo x | logpipe produce t -q -b $SECURED" + as + "bob --sasl-password-file $PASSWORD", 1, `(.*topic "t": )?not authorized.*`, "access rule",
			"echo x | kcat -P -t t -b $SECURED -X security.protocol=sasl_ssl -X ssl.ca.location=$CA -X sasl.mechanisms=SCRAM-SHA-256 -X sasl.username=bob -X sasl.password=$(cat $PASSWORD)", ""},
		{"unknown topic, consume", "logpipe consume nope -e -b $PLAIN", 1, `topic "nope" does not exist`, "logpipe topic create nope",
			"kcat -C -e -t nope -b $PLAIN", "kafka-console-consumer --topic nope --timeout-ms 5000 --bootstrap-server $PLAIN"},
		{"unknown topic, describe", "logpipe topic describe nope -b $PLAIN", 1, `topic "nope" does not exist`, "logpipe topic create nope",
			"kcat -L -t nope -b $PLAIN", "kafka-topics --describe --topic nope --bootstrap-server $PLAIN"},
		{"unknown group", "logpipe group describe nope -b $PLAIN", 1, `group "nope" does not exist`, "logpipe group list", "", "kafka-consumer-groups --describe --group nope --bootstrap-server $PLAIN"},
		{"replication 9", "logpipe topic create wide --replication-factor 9 -b $PLAIN", 1, `topic "wide": replication factor 9 is larger than the number of brokers, \d`, "--replication-factor",
			"", "kafka-topics --create --topic wide --replication-factor 9 --bootstrap-server $PLAIN"},
		{"bad offset, word", "logpipe consume t -o someday -b $PLAIN", 2, `--offset: offset "someday": not a number, .*`, "beginning, end", "kcat -C -e -t t -o someday -b $PLAIN",
			"kafka-console-consumer --topic t --partition 0 --offset someday --bootstrap-server $PLAIN"},
		{"bad offset, number", "logpipe consume t -o 999 -e -b $PLAIN", 1, `offset 999 is past the end of topic "t": the largest offset is \d+`, "-o end", "kcat -C -e -t t -o 999 -b $PLAIN",
			"kafka-console-consumer --topic t --partition 0 --offset 999 --timeout-ms 5000 --bootstrap-server $PLAIN"},
		{"no such partition", "logpipe consume t --partition 7 -e -b $PLAIN", 1, `topic "t" has no partition 7`, "it has 0 to 0", "kcat -C -e -t t -p 7 -b $PLAIN", ""},
		{"record too large", "head -c 2000000 /dev/zero | tr '\\0' x | logpipe produce t -b $PLAIN", 1, `stdin:1: the record is too large: \d+ bytes, the limit is \d+.*`, "",
			"head -c 2000000 /dev/zero | tr '\\0' x | kcat -P -t t -b $PLAIN", ""},
		{"wrong codec", "echo x | logpipe produce t --compression lz5 -b $PLAIN", 2, `--compression: want one of none, gzip, snappy, lz4, zstd, not "lz5"`, "none, gzip, snappy, lz4, zstd",
			"echo x | kcat -P -t t -z lz5 -b $PLAIN", "kafka-console-producer --topic t --compression-codec lz5 --bootstrap-server $PLAIN"},
		{"wrong setting", "logpipe topic alter t --config retention.ms -b $PLAIN", 2, `--config "retention.ms" is not NAME=VALUE`, "retention.ms=3600000", "", ""},
		{"bad address", "logpipe topic list -b kafka:port", 2, `broker address "kafka:port": port "port" is not between 1 and 65535`, "HOST:PORT", "kcat -L -b kafka:port",
			"kafka-topics --list --bootstrap-server kafka:port"},
	}
}

// grounds are the places that the lines of mistakes name.
func grounds(t *testing.T, plain, secured string, a *logpipetest.Authority, password string) []string {
	t.Helper()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { web.Close() })
	go func() {
		for {
			c, err := web.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 100)); err == nil {
					io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				}
			}()
		}
	}()
	return []string{"DOWN=" + logpipetest.Closed(t), "HTTP=" + web.Addr().String(), "PLAIN=" + plain, "SECURED=" + secured,
		"CA=" + a.Path("ca.pem"), "PASSWORD=" + a.Write("password", []byte(password+"\n")), "WRONG=" + a.Write("wrong", []byte("wrong\n"))}
}

// check runs the table: one line that names the thing, the next step, the exit
// code, nothing on standard output, all within a second.
func check(t *testing.T, env []string) map[string]string {
	took := map[string]string{}
	for _, m := range mistakes() {
		run := func() (got result, d time.Duration) {
			cmd := start(t, bash(t), "-o", "pipefail", "-c", m.line)
			cmd.Env = append(cmd.Env, env...)
			begun := time.Now()
			got = finish(t, cmd, "")
			return got, time.Since(begun)
		}
		limit := time.Second
		got, d := run()
		for try := 1; d > contact && try < 10; try++ { // on a busy machine the next one may be as it should
			if d <= limit && m.judge(got) == nil {
				break
			}
			before := starting(t)
			got, d = run()
			limit = time.Second + 4*max(before, starting(t))
		}
		took[m.name] = fmt.Sprintf("%d after %.2f s: %s", got.code, d.Seconds(), strings.Split(got.err, "\n")[0])
		if err := m.judge(got); err != nil {
			t.Errorf("%s: %s: %v", m.name, m.line, err)
		}
		if d > limit {
			t.Errorf("%s: %s takes %v, more than %v", m.name, m.line, d, limit)
		}
	}
	return took
}

// starting is what it takes here, at this moment, to start the programs of a line.
func starting(t *testing.T) time.Duration {
	t.Helper()
	cmd := start(t, bash(t), "-c", `head -c 2000000 /dev/zero | tr '\0' x | logpipe version`)
	begun := time.Now()
	finish(t, cmd, "")
	return time.Since(begun)
}

// contact is less than the time for which commands try to reach a broker. One that
// was kept from running for so long may say, as it should, that nobody answers.
const contact = 800 * time.Millisecond

// judge holds what is said against the table.
func (m mistake) judge(got result) error {
	lines := strings.Split(strings.TrimSuffix(got.err, "\n"), "\n")
	says := regexp.MustCompile(`^logpipe [a-z -]+: ` + m.says + `$`)
	if got.code != m.code || got.out != "" || !says.MatchString(lines[0]) {
		return fmt.Errorf("exit code %d, want %d\n%s%s", got.code, m.code, got.out, got.err)
	}
	if m.hint != "" && (len(lines) != 2 || !strings.HasPrefix(lines[1], "hint: ") || !strings.Contains(lines[1], m.hint)) {
		return fmt.Errorf("want one line and a hint with %q:\n%s", m.hint, got.err)
	}
	return nil
}

func TestMistakes(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := logpipe(t, "", "topic", "create", "t", "-b", b.Addr()[0]); got.code != 0 {
		t.Fatal(got.err)
	}
	a := logpipetest.NewAuthority(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)), kfake.SeedTopics(1, "t"),
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("SCRAM-SHA-256", "bob", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check(t, grounds(t, b.Addr()[0], c.ListenAddrs()[0], a, "secret"))
}

// TestRealMistakes makes them with Apache Kafka and shows, with -v, what kcat and
// Kafka's own tools do with the same.
func TestRealMistakes(t *testing.T) {
	k := logpipetest.StartSecuredKafka(t)
	if got := logpipe(t, "", "topic", "create", "t", "-b", k.Brokers()[0]); got.code != 0 {
		t.Fatal(got.err)
	}
	env := grounds(t, k.Brokers()[0], k.Secured, k.Authority, k.Password)
	took := check(t, env)
	if !testing.Verbose() {
		return // the others take minutes
	}
	_, noKcat := exec.LookPath("kcat")
	for _, m := range mistakes() {
		t.Logf("%s\n  logpipe %s", m.name, took[m.name])
		if m.kcat != "" && noKcat == nil {
			t.Logf("  kcat    %s", outcome(t, exec.CommandContext, env, bash(t), "-o", "pipefail", "-c", m.kcat))
		}
		if name, flags, _ := strings.Cut(m.java, " "); name != "" {
			java := func(ctx context.Context, _ string, _ ...string) *exec.Cmd {
				var words []string
				for _, w := range strings.Fields(flags) {
					for _, v := range env {
						n, value, _ := strings.Cut(v, "=")
						w = strings.ReplaceAll(w, "$"+n, value)
					}
					words = append(words, w)
				}
				return k.Tools.Command(ctx, name, words...)
			}
			t.Logf("  Java    %s", outcome(t, java, env, ""))
		}
	}
}

// outcome runs a command for a quarter of a minute at most and tells how it ends.
func outcome(t *testing.T, make func(context.Context, string, ...string) *exec.Cmd, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	cmd := make(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader("x\n")
	begun := time.Now()
	out, _ := cmd.CombinedOutput() // how it ends is what is asked
	text := strings.TrimSpace(string(out))
	ended := fmt.Sprintf("%d after %.2f s", cmd.ProcessState.ExitCode(), time.Since(begun).Seconds())
	if ctx.Err() != nil {
		ended = "still tries after 15 s"
	}
	first := strings.Split(text, "\n")[0]
	return fmt.Sprintf("%s, %d lines: %.160s", ended, len(strings.Split(text, "\n")), first)
}
