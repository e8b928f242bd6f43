package catalog

import (
	"testing"
	"time"
)

// A pipe that takes 64 KiB at once and then 30 records of 10 bytes a second: what
// stands between two marks is worked on in less than the timeout of a transaction.
func TestPacingOfSlowPipe(t *testing.T) {
	const every, perSecond, pipe = time.Second, 30, 64 << 10
	var p pacing
	now, marked := time.Duration(0), time.Duration(0)
	inPipe, since, worst := 0, 0, 0
	for range 2000 {
		n := p.size()
		since += n
		p.gave(n, n*10)
		inPipe += n * 10
		if over := inPipe - pipe; over > 0 { // the write waits
			now += time.Duration(over/10) * time.Second / perSecond
			inPipe = pipe
		}
		if now-marked >= every || p.due() {
			p.marked(now-marked, every)
			worst, since, marked = max(worst, since), 0, now
		}
	}
	if worst > 30*perSecond {
		t.Errorf("%d records stand between two marks: %d s of work", worst, worst/perSecond)
	}
	if p.block > 4*perSecond {
		t.Errorf("in the end blocks have %d records", p.block)
	}
}

// A fast pipe has large blocks soon.
func TestPacingOfFastPipe(t *testing.T) {
	var p pacing
	marks := 0
	for now, marked := time.Duration(0), time.Duration(0); now < 6*time.Second; {
		n := p.size()
		p.gave(n, n*200)
		now += time.Duration(n) * time.Microsecond
		if now-marked >= time.Second || p.due() {
			p.marked(now-marked, time.Second)
			marked = now
			marks++
		}
	}
	if p.block != paceMost || marks > 12 {
		t.Errorf("blocks of %d records, %d marks", p.block, marks)
	}
}
