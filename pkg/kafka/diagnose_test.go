package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// diagnosed runs a diagnosis whose steps may take as long as a busy machine likes.
func diagnosed(t *testing.T, cfg Config, dc DiagnoseConfig) (words string, steps map[string]Step, err error) {
	t.Helper()
	dc.Timeout = contactWait
	return diagnosedInTime(t, cfg, dc)
}

// diagnosedInTime runs a diagnosis and writes its steps as words: "tcp" passed, "(tls)"
// had nothing to do, "api!" failed, "-sasl" was not tried.
func diagnosedInTime(t *testing.T, cfg Config, dc DiagnoseConfig) (words string, steps map[string]Step, err error) {
	t.Helper()
	steps = map[string]Step{}
	var list []string
	dc.Tell = func(s Step) {
		steps[s.Name] = s
		switch s.Result {
		case Passed:
			list = append(list, s.Name)
		case Off:
			list = append(list, "("+s.Name+")")
		case Failure:
			list = append(list, s.Name+"!")
		case Untried:
			list = append(list, "-"+s.Name)
		}
	}
	err = Diagnose(soon(t), cfg, dc)
	return strings.Join(list, " "), steps, err
}

func TestDiagnose(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	server := a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)
	cfg, _ := cluster(t, broker.Config{})
	three, _ := cluster(t, broker.Config{Nodes: 3})
	safe := Config{Brokers: []string{secured(t, append(users(), kfake.TLS(server))...)},
		Security: Security{TLS: true, CA: a.Path("ca.pem"), Mechanism: ScramSHA256, User: "bob", Password: "secret-b"}}
	create(t, cfg, "mine", 3)
	const way = "(dns) tcp (tls) api (sasl) metadata"
	for _, c := range []struct {
		name string
		cfg  Config
		dc   DiagnoseConfig
		want string
		saw  map[string]string
	}{
		{"plain", cfg, DiagnoseConfig{}, way + " advertised topic produce consume delete",
			map[string]string{"metadata": "cluster logpipe, broker 0, ", "produce": "1 record through broker 0", "consume": "1 record back, "}},
		{"own topic", cfg, DiagnoseConfig{Topic: "mine"}, way + " advertised topic produce consume",
			map[string]string{"topic": "mine with 3 partitions", "produce": "a record at offset 0 of mine/"}},
		{"again", cfg, DiagnoseConfig{Topic: "mine", ReadOnly: true}, way + " advertised topic (produce) consume", map[string]string{"consume": "the last record was read"}},
		{"read only", cfg, DiagnoseConfig{ReadOnly: true}, way + " advertised (topic) (produce) (consume)", nil},
		{"three", three, DiagnoseConfig{}, strings.Repeat(way+" ", 3) + "advertised advertised advertised topic produce consume delete",
			map[string]string{"topic": "with 3 partitions", "produce": "3 records through broker"}},
		{"safe", safe, DiagnoseConfig{}, "(dns) tcp tls api sasl metadata advertised topic produce consume delete",
			map[string]string{"tls": "TLS 1.3, certificate of CN=server for 127.0.0.1, signed by CN=", "sasl": `user "bob" by SCRAM-SHA-256`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, steps, err := diagnosed(t, c.cfg, c.dc)
			if got != c.want || err != nil {
				t.Errorf("%v\ngot  %s\nwant %s", err, got, c.want)
			}
			for step, want := range c.saw {
				if !strings.Contains(steps[step].Saw, want) {
					t.Errorf("%s saw %q, want %q", step, steps[step].Saw, want)
				}
			}
			for _, s := range steps {
				if s.Err != nil {
					t.Error(s.Err)
				}
			}
		})
	}
	if left, err := admin(t, cfg).ListTopics(soon(t), false); err != nil || len(left) != 1 {
		t.Errorf("topics that are left: %v, %v", left, err)
	}
}

// TestDiagnoseMistakes holds which step fails, within a second, and what to do.
func TestDiagnoseMistakes(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	plain, _ := cluster(t, broker.Config{})
	elsewhere, _ := cluster(t, broker.Config{Listen: "127.0.0.1:0", Advertise: "kafka.invalid"})
	_, port, _ := net.SplitHostPort(elsewhere.Brokers[0])
	elsewherePort := net.JoinHostPort("127.0.0.1", port)
	tlsPort := secured(t, kfake.TLS(a.Serving(a.Pair("server", "127.0.0.1"), tls.NoClientCert)))
	namedPort := secured(t, kfake.TLS(a.Serving(a.Pair("named", "kafka.example"), tls.NoClientCert)))
	mutualPort := secured(t, kfake.TLS(a.Serving(a.Pair("mutual", "127.0.0.1"), tls.RequireAndVerifyClientCert)))
	userPort := secured(t, users()...)
	ca := a.Path("ca.pem")
	const cluster = " -advertised -topic -produce -consume"
	for _, c := range []struct {
		name  string
		addrs []string
		s     Security
		dc    DiagnoseConfig
		code  fault.Code
		want  string
		says  string
		hint  string
	}{
		{"nobody listens", []string{logpipetest.Closed(t)}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp! -tls -api -sasl -metadata" + cluster, "tcp: broker 127.", "logpipe broker"},
		{"no such host", []string{"nowhere.invalid:9092"}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"dns! -tcp -tls -api -sasl -metadata" + cluster, "nowhere.invalid", "-b"},
		{"HTTP", []string{server(t, "HTTP/1.1 400 Bad Request\r\n\r\n", false)}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp (tls) api! -sasl -metadata" + cluster, "answers HTTP", "-b"},
		{"no answer", []string{server(t, "", true)}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp (tls) api! -sasl -metadata" + cluster, "does not answer", "-b"},
		{"plain to TLS", []string{tlsPort}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp (tls) api! -sasl -metadata" + cluster, "expects TLS", "--tls"},
		{"TLS to plain", plain.Brokers, Security{TLS: true, CA: ca}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp tls! -api -sasl -metadata" + cluster, "does not speak TLS", "leave --tls out"},
		{"unknown authority", []string{tlsPort}, Security{TLS: true}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp tls! -api -sasl -metadata" + cluster, "signed by nobody who is trusted", "--tls-ca"},
		{"another name", []string{namedPort}, Security{TLS: true, CA: ca}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp tls! -api -sasl -metadata" + cluster, "127.0.0.1", "--tls-name"},
		{"no certificate of ours", []string{mutualPort}, Security{TLS: true, CA: ca}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp tls! -api -sasl -metadata" + cluster, "wants a certificate of ours", "--tls-cert"},
		{"no user", []string{userPort}, Security{}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp (tls) api sasl! -metadata" + cluster, "wants to know who we are", "plain, scram-sha-256"},
		{"wrong password", []string{userPort}, Security{Mechanism: Plain, User: "ann", Password: "geheim"}, DiagnoseConfig{}, fault.Failed,
			"(dns) tcp (tls) api sasl! -metadata" + cluster, `refuses user "ann" (PLAIN)`, "--sasl-password-file"},
		{"no such mechanism", []string{userPort}, Security{Mechanism: OAuthBearer, TokenFile: ca}, DiagnoseConfig{}, fault.Unreachable,
			"(dns) tcp (tls) api sasl! -metadata" + cluster, "does not have the mechanism OAUTHBEARER", "plain, scram-sha-256"},
		{"advertised elsewhere", []string{elsewherePort}, Security{}, DiagnoseConfig{}, fault.Failed,
			"(dns) tcp (tls) api (sasl) metadata advertised! -topic -produce -consume", `broker 0 tells clients to connect to kafka.invalid:`, "logpipe broker --advertise HOST"},
		{"no such topic", plain.Brokers, Security{}, DiagnoseConfig{Topic: "nope"}, fault.Failed,
			"(dns) tcp (tls) api (sasl) metadata advertised topic! -produce -consume", `topic "nope" does not exist`, "logpipe topic create nope"},
		{"one of two", []string{plain.Brokers[0], logpipetest.Closed(t)}, Security{}, DiagnoseConfig{}, fault.Failed,
			"(dns) tcp (tls) api (sasl) metadata (dns) tcp! -tls -api -sasl -metadata advertised topic produce consume delete", "tcp: broker 127.", "logpipe broker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := 2 * time.Second
			if c.code == fault.Unreachable && c.name != "no answer" { // nearly a second is for that
				limit = time.Second
			}
			timely(t, firstContact, func() error {
				var got string
				var steps map[string]Step
				var err error
				logpipetest.Prompt(t, limit, func() { got, steps, err = diagnosedInTime(t, Config{Brokers: c.addrs, Security: c.s}, c.dc) })
				if c.name == "no such host" && err != nil && !strings.Contains(err.Error(), "no such host") {
					t.Skipf("no name server here: %v", err)
				}
				if text := fmt.Sprint(steps, err, fault.HintOf(err)); strings.Contains(text, "geheim") {
					t.Errorf("a secret in %s", text)
				}
				if got != c.want || err == nil || fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
					return fmt.Errorf("code %d: %v\nhint: %s\ngot  %s\nwant %s", fault.CodeOf(err), err, fault.HintOf(err), got, c.want)
				}
				return nil
			})
		})
	}
	t.Run("its certificate", func(t *testing.T) {
		_, steps, _ := diagnosed(t, Config{Brokers: []string{namedPort}, Security: Security{TLS: true, CA: ca}}, DiagnoseConfig{})
		if saw := steps["tls"].Saw; !strings.Contains(saw, "certificate of CN=named for kafka.example, signed by CN=") || !strings.Contains(saw, "valid until 20") {
			t.Errorf("saw %q", saw)
		}
	})
}

// TestDiagnoseRules holds which step an access rule stops.
func TestDiagnoseRules(t *testing.T) {
	rule := func(resource kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) (list []kfake.ACL) {
		for _, o := range operations {
			list = append(list, kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: o, Allow: true})
		}
		return list
	}
	const topic, write, read, describe = kmsg.ACLResourceTypeTopic, kmsg.ACLOperationWrite, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe
	addr := secured(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User(Plain, "nobody", "geheim"),
		kfake.User(Plain, "reader", "geheim", rule(topic, "t", read, describe)...),
		kfake.User(Plain, "writer", "geheim", rule(topic, "t", write, describe)...),
		kfake.User(Plain, "maker", "geheim", rule(topic, "*", write, read, describe, kmsg.ACLOperationCreate)...))
	for _, c := range []struct{ user, topic, want, says, hint string }{
		{"nobody", "t", "topic! -produce -consume", `topic: topic "t": not authorized`, "access rule"},
		{"nobody", "", "topic! -produce -consume", "topic: ", "--topic NAME"},
		{"reader", "t", "topic produce! -consume", `produce: topic "t": not authorized`, "access rule"},
		{"writer", "t", "topic produce consume!", `consume: topic "t": not authorized`, "access rule"},
		{"maker", "", "topic produce consume delete!", `delete: topic "logpipe-test-`, "logpipe topic delete logpipe-test-"},
	} {
		t.Run(c.user+" "+c.topic, func(t *testing.T) {
			cfg := Config{Brokers: []string{addr}, Security: Security{Mechanism: Plain, User: c.user, Password: "geheim"}}
			got, _, err := diagnosed(t, cfg, DiagnoseConfig{Topic: c.topic})
			if want := "(dns) tcp (tls) api sasl metadata advertised " + c.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if err == nil || fault.CodeOf(err) != fault.Failed || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("code %d: %v\nhint: %s", fault.CodeOf(err), err, fault.HintOf(err))
			}
		})
	}
}

// posing is a listener that says to be at another address.
type posing struct {
	net.Listener
	addr net.Addr
}

func (p posing) Addr() net.Addr { return p.addr }

// advertised is an address that a broker tells its clients.
type advertised string

func (a advertised) Network() string { return "tcp" }
func (a advertised) String() string  { return string(a) }

func portOf(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }

// TestDiagnoseStrangers holds what is said where another cluster is at the address
// that is advertised, and where all brokers advertise the same one.
func TestDiagnoseStrangers(t *testing.T) {
	other, err := net.ResolveTCPAddr("tcp", secured(t, kfake.ClusterID("other")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		nodes int
		as    func(first net.Addr) net.Addr
		want  string
		says  string
		hint  string
	}{
		{"another cluster", 1, func(net.Addr) net.Addr { return other }, "advertised!", "where another cluster answers (other, not ", " was not what answered, port "},
		{"in a container", 1, func(first net.Addr) net.Addr { return advertised("kafka:" + portOf(first)) }, "advertised!", "broker 0 tells clients to connect to kafka:",
			"advertised.listeners of broker 0 has to name an address that this machine reaches, such as PLAINTEXT://127.0.0.1:"},
		{"no host", 1, func(first net.Addr) net.Addr { return advertised(":" + portOf(first)) }, "advertised!", "broker 0 tells clients to connect to ", "advertised.listeners"},
		{"the same address", 2, func(first net.Addr) net.Addr { return first }, "advertised! advertised!", "brokers 0 and 1 all tell clients to connect to ", "of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var first net.Addr
			cluster, err := kfake.NewCluster(kfake.NumBrokers(c.nodes), kfake.ListenFn(func(network, addr string) (net.Listener, error) {
				l, err := net.Listen(network, addr)
				if err == nil && first == nil {
					first = l.Addr()
				}
				return posing{l, c.as(first)}, err
			}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			got, _, err := diagnosed(t, Config{Brokers: []string{first.String()}}, DiagnoseConfig{})
			if want := "(dns) tcp (tls) api (sasl) metadata " + c.want + " -topic -produce -consume"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
			}
		})
	}
}

// TestDiagnoseController holds that the walk ends where a controller says that it is
// no broker.
func TestDiagnoseController(t *testing.T) {
	got, _, err := diagnosed(t, Config{Brokers: []string{controller(t)}}, DiagnoseConfig{})
	if want := "(dns) tcp (tls) api! -sasl -metadata"; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), "is a controller of Kafka (KRaft), not a broker") || !strings.Contains(fault.HintOf(err), "the brokers' port") {
		t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
	}
}

// TestDiagnoseCancelled holds that the topic is deleted where somebody ends the
// test in the middle, and nothing is told of the step that was cut.
func TestDiagnoseCancelled(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	for _, at := range []string{"metadata", "topic", "produce", "consume"} {
		ctx, cancel := context.WithCancel(soon(t))
		var told []string
		err := Diagnose(ctx, cfg, DiagnoseConfig{Timeout: contactWait, Tell: func(s Step) {
			if told = append(told, s.Name); s.Name == at {
				cancel()
			}
			if s.Err != nil {
				t.Errorf("%s: %s: %v", at, s.Name, s.Err)
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", at, err)
		}
		if made := at != "metadata"; (told[len(told)-1] == "delete") != made {
			t.Errorf("%s: told %v", at, told)
		}
		cancel()
	}
	if left, err := admin(t, cfg).ListTopics(soon(t), false); err != nil || len(left) != 0 {
		t.Errorf("topics that are left: %v, %v", left, err)
	}
}
