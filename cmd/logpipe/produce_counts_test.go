//go:build unix

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// number is what a pattern finds in a text.
func number(t *testing.T, text, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in\n%s", pattern, text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// in counts the records of a topic.
func in(t *testing.T, addr, topic string) int {
	t.Helper()
	got := finish(t, at(t, addr, "consume", topic, "-o", "beginning", "-e", "-q"), "")
	if got.code != 0 {
		t.Fatal(got.err)
	}
	return strings.Count(got.out, "\n")
}

// TestProduceCountsOnce holds that the records that were read and not acknowledged have
// one number: those too that were read when sending had ended for the others' sake.
func TestProduceCountsOnce(t *testing.T) {
	addr := cluster(t)
	var lines strings.Builder
	for i := range 200_000 {
		fmt.Fprintln(&lines, i)
	}
	got := finish(t, at(t, addr, "produce", "later", "-p", "5"), lines.String())
	summary := number(t, got.err, `produce: 0 records acknowledged in topic "later"; (\d+) records read and not acknowledged\n`)
	if told := number(t, got.err, `produce: (\d+) records were not acknowledged: topic "later" has no partition 5`); told != summary || got.code != 1 {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
	if quiet := finish(t, at(t, addr, "produce", "other", "-p", "5", "-q"), "1\n2\n3\n"); !strings.HasPrefix(quiet.err, "logpipe produce: 3 records were not acknowledged: ") {
		t.Errorf("exit code %d\n%s", quiet.code, quiet.err)
	}
	// Where the topic is there, nothing is read.
	if got = finish(t, at(t, addr, "produce", "later", "-p", "5", "--on-error", "file=rejected"), "1\n"); got.code != 1 ||
		got.err != "logpipe produce: topic \"later\" has no partition 5\nhint: it has partition 0 alone\n" {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
}

// TestProduceCountsBehindSignal holds that produce tells behind a signal how many records
// are in the topic, whether it comes to its end or is left.
func TestProduceCountsBehindSignal(t *testing.T) {
	t.Parallel() // it waits for graces
	addr := cluster(t)
	for _, topic := range []string{"drained", "left"} {
		if got := finish(t, at(t, addr, "topic", "create", topic, "-q"), ""); got.code != 0 {
			t.Fatal(got.err)
		}
	}
	const acknowledged = `(\d+) records? acknowledged in topic "`
	r := begin(t, at(t, addr, "produce", "drained", "--grace", "10s"))
	defer r.in.Close()
	r.write(t, "1\n2\n3")
	if got := finish(t, at(t, addr, "consume", "drained", "-o", "beginning", "-n", "3"), ""); got.code != 0 {
		t.Fatal(got.err)
	}
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code, _ := r.code(t)
	if n := number(t, r.err.String(), acknowledged+"drained"); code != 130 || n != 3 {
		t.Errorf("exit code %d\n%s", code, r.err)
	}

	r = begin(t, at(t, addr, "produce", "left", "--rate", "20", "--grace", "5s"))
	defer r.in.Close()
	r.write(t, strings.Repeat("x\n", 100_000))
	if got := finish(t, at(t, addr, "consume", "left", "-o", "beginning", "-n", "2"), ""); got.code != 0 {
		t.Fatal(got.err)
	}
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code, _ = r.code(t)
	// What was on its way when it left may be in the topic, too.
	n := number(t, r.err.String(), `not drained within 5s; at least .* records read; `+acknowledged+"left")
	if there := in(t, addr, "left"); code != 143 || n < 2 || n > there {
		t.Errorf("exit code %d, %d records there\n%s", code, there, r.err)
	}
}
