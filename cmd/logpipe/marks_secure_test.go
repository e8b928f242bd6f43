package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestMarksBetweenSecuredClusters reads from a cluster and sends to another one, each
// with users of its own. Without a word about the source's user nothing is committed,
// and why is told; with --source-config it is.
func TestMarksBetweenSecuredClusters(t *testing.T) {
	a := logpipetest.NewAuthority(t)
	secured := func(user, password, topic string) string {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password),
			kfake.SeedTopics(1, topic), kfake.ClusterID(topic))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		a.Write(user, []byte(password))
		a.Write(user+".properties", fmt.Appendf(nil, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"+
			"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;\n", user, password))
		return fmt.Sprintf(" -b %s --sasl plain --sasl-user %s --sasl-password-file %[2]s", c.ListenAddrs()[0], user)
	}
	from, to := secured("bob", "secret-b", "in"), secured("ann", "secret-a", "out")
	run := func(line string) result {
		t.Helper()
		cmd := start(t, bash(t), "-c", "set -o pipefail; "+line)
		cmd.Dir = a.Path("")
		return finish(t, cmd, "")
	}
	consume := "logpipe consume in -g g -o beginning -e --marks --grace 1s" + from
	if got := run("seq 3 | logpipe produce -q in" + from); got.code != 0 {
		t.Fatal(got.err)
	}
	for _, end := range []string{"logpipe produce out -q" + to, "logpipe commit -q" + to} {
		got := run(consume + " 2>consume.txt | " + end)
		for _, want := range []string{`the last mark was not committed to group "g": its records are read again: broker `,
			": wants to know who we are (SASL)\n", "hint: --source-config FILE says how the cluster of the marks is spoken to"} {
			if got.code == 0 || !strings.Contains(got.err, want) {
				t.Errorf("%s: exit code %d, no %q in\n%s", end, got.code, want, got.err)
			}
		}
	}
	if got := run(consume + " | logpipe produce out -q --source-config bob.properties" + to); got.code != 0 || strings.Contains(got.err, "not committed") {
		t.Errorf("with --source-config: exit code %d\n%s", got.code, got.err)
	}
	if got := run("logpipe consume in -g g -e -q" + from); got.out != "" || got.code != 0 {
		t.Errorf("not committed: %q, %s", got.out, got.err)
	}
	for _, wrong := range []string{"--source-config nowhere.properties", "--tx x --source-config bob.properties"} {
		if got := run("echo | logpipe produce out " + wrong + to); got.code != 2 {
			t.Errorf("%s: exit code %d\n%s", wrong, got.code, got.err)
		}
	}
}
