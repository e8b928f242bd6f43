package logpipetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// killChannel and killRun tell the test that it is the child: where the channel
// is, and which of the runs this is.
const (
	killChannel = "LOGPIPE_KILL_CHANNEL"
	killRun     = "LOGPIPE_KILL_RUN"
)

// Kills is how often a test kills its child: LOGPIPE_KILLS, or a few.
func Kills(t testing.TB) int {
	text := os.Getenv("LOGPIPE_KILLS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("LOGPIPE_KILLS=%s is no number of kills", text)
	}
	return n
}

// KillChannel kills a process with SIGKILL, again and again, while sources put
// numbered events into a durable channel and sinks take them out, some of which
// fail. At the end every event that a put acknowledged must have been delivered,
// and none may have come again after its take was committed; both are counted.
// The test that calls it runs itself as the child, so it must do nothing else.
func KillChannel(t *testing.T, open func(t testing.TB, dir string) flume.Channel) {
	if dir := os.Getenv(killChannel); dir != "" {
		channelChild(t, open(t, dir))
		return
	}
	dir := t.TempDir()
	l := &killLedger{t: t, events: map[uint64]*killEvent{}}
	kills := Kills(t)
	for run := 1; run <= kills; run++ {
		// On a loaded machine no child may come so far; the last one does.
		l.run(dir, run, time.Duration(5+rand.IntN(120))*time.Millisecond, run == kills && !l.acknowledged())
	}
	l.run(dir, 0, 0, false) // takes what is left
	l.check(kills)
}

// channelChild moves events until it is killed; in run 0 it takes out the rest. It
// tells the parent what it does, one write for each line, so that a line that
// the parent has is true: acknowledged, delivered, committed, and runs of event
// numbers.
func channelChild(t *testing.T, c flume.Channel) {
	run, err := strconv.Atoi(os.Getenv(killRun))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	tell := func(what string, runs string) {
		if _, err := os.Stdout.WriteString("\n" + what + runs + "\n"); err != nil {
			os.Exit(1)
		}
	}
	tell("ready", "")
	var all sync.WaitGroup
	if run > 0 {
		for source := range 3 {
			all.Go(func() { killSource(ctx, t, c, tell, uint64(run)<<32|uint64(source)<<28) })
		}
	} else {
		c.Drain()
	}
	for range 2 {
		all.Go(func() { killSink(ctx, t, c, tell) })
	}
	all.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	tell("ended", "")
}

// killSource puts batches of all sizes, several of them together where the
// channel offers that; the body of an event follows from its number.
func killSource(ctx context.Context, t *testing.T, c flume.Channel, tell func(what, runs string), number uint64) {
	for {
		size := 1 + rand.IntN(c.MaxBatch())
		var batch []flume.Event
		for i := range size * (1 + rand.IntN(4)) {
			batch = append(batch, killEventOf(number+uint64(i)))
		}
		n, err := putBatches(ctx, c, batch, size)
		if n == 0 && errors.Is(err, flume.ErrFull) {
			continue
		}
		if errors.Is(err, flume.ErrFull) {
			err = nil // of those behind the first n
		}
		if err != nil {
			t.Error(err)
			return
		}
		tell("acknowledged", fmt.Sprintf(" %d+%d", number, n))
		number += uint64(n)
	}
}

func killEventOf(number uint64) flume.Event {
	body := binary.BigEndian.AppendUint64(nil, number)
	body = append(body, bytes.Repeat([]byte{byte(number)}, int(number%400))...)
	body = binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
	return flume.Event{Headers: flume.Headers{{Key: "number", Value: strconv.FormatUint(number, 10)}}, Body: body}
}

func killSink(ctx context.Context, t *testing.T, c flume.Channel, tell func(what, runs string)) {
	for {
		batch := 1 + rand.IntN(c.MaxBatch())
		tx, err := takeAll(ctx, c, batch, rand.IntN(10)*batch, 1<<20)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		if w, ok := tx.(flume.Witness); ok && rand.IntN(10) > 0 {
			if err := killWitness(tx, w, tell, batch); err != nil {
				t.Error(err)
				return
			}
			continue
		}
		runs, err := killRuns(tx.Events())
		if err != nil {
			t.Error(err)
			return
		}
		tell("delivered", runs)
		if rand.IntN(10) == 0 {
			err = tx.Rollback()
		} else if err = commitTake(tx); err == nil {
			tell("committed", runs)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// killWitness delivers batch after batch of a take. What the channel has noted may
// not come again, even where a kill comes before the commit. Some takes are taken
// back as a whole.
func killWitness(tx flume.Transaction, w flume.Witness, tell func(what, runs string), batch int) error {
	back := rand.IntN(10) == 0
	events := tx.Events()
	for n := 0; n < len(events); {
		part := events[n:min(n+batch, len(events))]
		runs, err := killRuns(part)
		if err != nil {
			return err
		}
		tell("delivered", runs)
		n += len(part)
		if err := w.Delivered(n); err != nil {
			return err
		}
		if !back {
			tell("committed", runs)
		}
	}
	if !back {
		return commitTake(tx)
	}
	if err := w.Delivered(0); err != nil {
		return err
	}
	return tx.Rollback()
}

// killRuns are the numbers of events as ` first+count`; an event that is not
// what was put is an error.
func killRuns(events []flume.Event) (string, error) {
	var b strings.Builder
	for i := 0; i < len(events); {
		first := killNumber(events[i])
		n := uint64(0)
		for ; i < len(events) && killNumber(events[i]) == first+n; i++ {
			want := killEventOf(first + n)
			got := events[i]
			if !bytes.Equal(got.Body, want.Body) || len(got.Headers) != 1 || got.Headers[0] != want.Headers[0] {
				return "", fmt.Errorf("event %d is not what was put", first+n)
			}
			n++
		}
		fmt.Fprintf(&b, " %d+%d", first, n)
		if n == 0 {
			return "", errors.New("an event without a number")
		}
	}
	return b.String(), nil
}

func killNumber(e flume.Event) uint64 {
	if len(e.Body) < 8 {
		return 1<<64 - 1
	}
	return binary.BigEndian.Uint64(e.Body)
}

// killEvent is what the parent knows of one event.
type killEvent struct {
	acknowledged, committed bool
	delivered               int
}

type killLedger struct {
	t      *testing.T
	events map[uint64]*killEvent
}

// run runs the child and kills it some time after it is ready, late after a put was
// acknowledged, or lets it end.
func (l *killLedger) run(dir string, run int, life time.Duration, late bool) {
	t := l.t
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), killChannel+"="+dir, killRun+"="+strconv.Itoa(run), "GORACE=exitcode=66")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	lines.Split(wholeLines)
	ended, ready := false, false
	begin := sync.OnceFunc(func() {
		timer := time.AfterFunc(life, func() { cmd.Process.Kill() })
		t.Cleanup(func() { timer.Stop() })
	})
	var other []string
	for lines.Scan() {
		what, runs, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "":
		case "ready":
			if ready = true; run > 0 && !late {
				begin()
			}
		case "ended":
			ended = true
		case "acknowledged", "delivered", "committed":
			if l.note(what, runs); late && what == "acknowledged" {
				begin()
			}
		default:
			other = append(other, lines.Text())
		}
	}
	err = cmd.Wait()
	if !ready || run == 0 && (err != nil || !ended) || run > 0 && ended || strings.Contains(strings.Join(other, ""), "FAIL") {
		t.Fatalf("run %d ended: %v\n%s\n%s", run, err, strings.Join(other, "\n"), stderr.String())
	}
}

// wholeLines is bufio.ScanLines without what a kill has cut off: a long line goes
// into a pipe in several pieces.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if atEOF && !bytes.Contains(data, []byte("\n")) {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// acknowledged reports whether any event was.
func (l *killLedger) acknowledged() bool {
	for _, e := range l.events {
		if e.acknowledged {
			return true
		}
	}
	return false
}

func (l *killLedger) note(what, runs string) {
	for text := range strings.FieldsSeq(runs) {
		var first, n uint64
		if _, err := fmt.Sscanf(text, "%d+%d", &first, &n); err != nil {
			l.t.Fatalf("%s %s: %v", what, text, err)
		}
		for i := first; i < first+n; i++ {
			e := l.events[i]
			if e == nil {
				e = &killEvent{}
				l.events[i] = e
			}
			switch what {
			case "acknowledged":
				e.acknowledged = true
			case "committed":
				e.committed = true
			case "delivered":
				if e.delivered++; e.committed {
					l.t.Fatalf("event %d came again after its take was committed", i)
				}
			}
		}
	}
}

func (l *killLedger) check(kills int) {
	var acknowledged, lost, again, more int
	for i, e := range l.events {
		switch {
		case e.acknowledged:
			acknowledged++
		case e.delivered > 0:
			more++ // the kill came between the disk and the answer
		}
		if e.acknowledged && !e.committed && e.delivered == 0 {
			lost++
			l.t.Errorf("event %d was acknowledged and never came", i)
		}
		if e.delivered > 1 {
			again++
		}
	}
	l.t.Logf("%d kills: %d events acknowledged, %d lost; %d came more than once, all of takes that were not committed; %d more came whose put was not answered",
		kills, acknowledged, lost, again, more)
	if acknowledged == 0 {
		l.t.Error("no event was acknowledged")
	}
}
