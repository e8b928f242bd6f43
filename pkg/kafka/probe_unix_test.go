//go:build unix

package kafka

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stoppedBroker tells the test that it is the child: at which address it is to find a
// broker.
const stoppedBroker = "LOGPIPE_TEST_STOPPED"

// TestContactOfAStoppedProcess stops a process between its question and the answer for
// longer than it may take: that is not taken for a broker that does not answer.
func TestContactOfAStoppedProcess(t *testing.T) {
	if addr := os.Getenv(stoppedBroker); addr != "" {
		_, _, err := reach(t.Context(), []string{addr}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	// A pause of the machine in another place ends it, too; without the product's second
	// try each of these fails.
	for tries := 1; ; tries++ {
		said, err := contactOfAStoppedProcess(t)
		if err != nil && tries < 5 {
			continue
		}
		if err != nil {
			t.Errorf("%v: %s", err, said)
		}
		return
	}
}

// contactOfAStoppedProcess runs the child.
func contactOfAStoppedProcess(t *testing.T) (said string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContactOfAStoppedProcess$")
	child.Env = append(os.Environ(), stoppedBroker+"="+l.Addr().String())
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- child.Wait()
		l.Close()
	}()
	question := make([]byte, len(versionsRequest()))
	for asked := 0; ; asked++ {
		c, err := l.Accept()
		if err != nil {
			return out.String(), <-ended
		}
		_, err = io.ReadFull(c, question)
		if err == nil && asked == 0 {
			child.Process.Signal(syscall.SIGSTOP)
			time.Sleep(firstContact + 10*stopped)
			child.Process.Signal(syscall.SIGCONT)
		}
		if err == nil && asked > 0 {
			io.WriteString(c, versions(keyMetadata, keyApiVersions))
			c.Read(question) // what it asks next has no answer
		}
		c.Close()
	}
}
