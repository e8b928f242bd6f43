package gen

import (
	"strconv"
	"time"
)

const (
	sparkHosts     = 16   // one executor each
	sparkStage     = 1000 // tasks of a stage
	sparkLost      = 100  // one task in so many never ends
	sparkRunMillis = 10_000
)

// task is a running one.
type task struct {
	id       int64
	launched int64 // epoch milliseconds
	ends     int64 // planned, epoch milliseconds
	host     int64
}

// sparkEvents simulates a cluster. Each line is one event at its own time: the
// end of a task that is over, else the start of the next one. Towards the last
// line it stops starting, so that a file of N lines holds the ends too.
type sparkEvents struct {
	random  random
	n       int64 // lines in all, 0 = endless
	made    int64
	tasks   int64
	running []task // heap by planned end
}

func newSparkEvents(o Options) lines {
	return &sparkEvents{random: newRandom(o.Seed, streamRecords), n: o.N, running: make([]task, 0, 8192)}
}

func (s *sparkEvents) append(dst []byte, at time.Time) []byte {
	now := at.UnixMilli()
	open := int64(len(s.running))
	left := s.n - s.made // lines that may still be written, this one included
	s.made++
	if open > 0 && (s.running[0].ends <= now || s.n > 0 && open >= left) {
		return appendTaskEnd(dst, s.pop(), now)
	}
	r := &s.random
	t := task{id: s.tasks, launched: now, host: int64(r.below(sparkHosts))}
	t.ends = now + 5 + int64(r.skewed(sparkRunMillis))
	s.tasks++
	if lost := r.below(sparkLost) == 0; !lost {
		s.push(t)
	}
	return appendTaskStart(dst, t)
}

func (s *sparkEvents) push(t task) {
	s.running = append(s.running, t)
	h, i := s.running, len(s.running)-1
	for i > 0 && t.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = t
}

func (s *sparkEvents) pop() task {
	first, last := s.running[0], s.running[len(s.running)-1]
	h := s.running[:len(s.running)-1]
	s.running = h
	i := 0
	for child := 1; child < len(h); child = 2*i + 1 {
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if len(h) > 0 {
		h[i] = last
	}
	return first
}

func (t task) before(u task) bool { return t.ends < u.ends || t.ends == u.ends && t.id < u.id }

func appendTaskStart(dst []byte, t task) []byte {
	dst = append(dst, `{"Event":"SparkListenerTaskStart","Stage ID":`...)
	dst = strconv.AppendInt(dst, t.id/sparkStage, 10)
	dst = append(dst, `,"Stage Attempt ID":0,`...)
	return append(appendTaskInfo(dst, t, 0), '}')
}

func appendTaskEnd(dst []byte, t task, finished int64) []byte {
	run := finished - t.launched
	dst = append(dst, `{"Event":"SparkListenerTaskEnd","Stage ID":`...)
	dst = strconv.AppendInt(dst, t.id/sparkStage, 10)
	dst = append(dst, `,"Stage Attempt ID":0,"Task Type":"ResultTask","Task End Reason":{"Reason":"Success"},`...)
	dst = appendTaskInfo(dst, t, finished)
	dst = append(dst, `,"Task Metrics":{"Executor Deserialize Time":`...)
	dst = strconv.AppendInt(dst, run/20, 10)
	dst = append(dst, `,"Executor Run Time":`...)
	dst = strconv.AppendInt(dst, run-run/20, 10)
	dst = append(dst, `,"Peak Execution Memory":0,"Result Size":`...)
	dst = strconv.AppendUint(dst, 1000+weigh(uint64(t.id), 400), 10)
	return append(dst, `,"JVM GC Time":0,"Result Serialization Time":0,"Memory Bytes Spilled":0,"Disk Bytes Spilled":0}}`...)
}

func appendTaskInfo(dst []byte, t task, finished int64) []byte {
	dst = append(dst, `"Task Info":{"Task ID":`...)
	dst = strconv.AppendInt(dst, t.id, 10)
	dst = append(dst, `,"Index":`...)
	dst = strconv.AppendInt(dst, t.id%sparkStage, 10)
	dst = append(dst, `,"Attempt":0,"Partition ID":`...)
	dst = strconv.AppendInt(dst, t.id%sparkStage, 10)
	dst = append(dst, `,"Launch Time":`...)
	dst = strconv.AppendInt(dst, t.launched, 10)
	dst = append(dst, `,"Executor ID":"`...)
	dst = strconv.AppendInt(dst, t.host+1, 10)
	dst = append(dst, `","Host":"worker-`...)
	dst = strconv.AppendInt(dst, t.host+1, 10)
	dst = append(dst, `","Locality":"PROCESS_LOCAL","Speculative":false,"Getting Result Time":0,"Finish Time":`...)
	dst = strconv.AppendInt(dst, finished, 10)
	return append(dst, `,"Failed":false,"Killed":false,"Accumulables":[]}`...)
}
