//go:build unix

package logpipetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestRanForOfAStoppedProcess stops a child that measures: the time in which it did not
// run does not count.
func TestRanForOfAStoppedProcess(t *testing.T) {
	const child, stop = "LOGPIPE_TEST_RAN", 2 * time.Second
	if os.Getenv(child) != "" {
		ran := ranFor(func() {
			fmt.Println("runs")
			if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
		fmt.Println(int64(ran))
		return
	}
	begun := time.Now()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "runs\n" {
		t.Fatalf("the child says %q: %v", line, err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGSTOP {
			time.Sleep(stop)
		}
	}
	if _, err := in.Write([]byte{1}); err != nil {
		t.Error(err)
	}
	var ran time.Duration
	if _, err := fmt.Fscan(said, (*int64)(&ran)); err != nil {
		t.Error(err)
	}
	if most := time.Since(begun) - stop + 4*promptTick; ran > most {
		t.Errorf("counted %v, and it ran for %v at most", ran, most)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
