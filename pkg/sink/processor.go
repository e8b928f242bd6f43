package sink

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Processor chooses among the sinks of a group, as Flume's sink processors do.
// A runner calls it from one goroutine.
type Processor interface {
	// Bind tells the names of the group's sinks, which are then called by their
	// index, and returns what does not fit them.
	Bind(names []string) []flume.Problem
	// Order lists the sinks that may be tried now, the first one first.
	Order(now time.Time) []int
	// Tried tells how a try ended.
	Tried(sink int, failed bool, now time.Time)
}

// Processors is the table of sink processors.
func Processors() flume.Table[Processor] {
	const class = "org.apache.flume.sink."
	return flume.Table[Processor]{
		{Alias: "default", Classes: []string{class + "DefaultSinkProcessor"}, New: newSingle, Help: "one sink"},
		{Alias: "failover", Classes: []string{class + "FailoverSinkProcessor"}, New: newFailover,
			Help: "the sink with the highest priority that works"},
		{Alias: "load_balance", Classes: []string{class + "LoadBalancingSinkProcessor"}, New: newLoadBalance,
			Help: "the sinks in turn, or by chance"},
	}
}

// penalty is what Flume lets a failed sink wait for the first time; it doubles
// with every failure in a row.
const penalty = time.Second

// penalized are sinks that are left alone for a while.
type penalized struct {
	most     time.Duration
	failures []int
	until    []time.Time
}

func (p *penalized) bind(n int) { p.failures, p.until = make([]int, n), make([]time.Time, n) }

func (p *penalized) tried(sink int, failed bool, now time.Time) {
	if !failed {
		p.failures[sink], p.until[sink] = 0, time.Time{}
		return
	}
	p.until[sink] = now.Add(min(p.most, penalty<<min(p.failures[sink], 20)))
	p.failures[sink]++
}

func (p *penalized) rests(sink int, now time.Time) bool { return now.Before(p.until[sink]) }

// single is the processor of a group with one sink.
type single struct{}

func newSingle(*flume.Properties) Processor { return single{} }

func (single) Bind(names []string) []flume.Problem {
	if len(names) == 1 {
		return nil
	}
	return []flume.Problem{{Property: "type", Message: fmt.Sprintf("the default processor has one sink, not %d", len(names)),
		Fix: "set processor.type to failover or load_balance"}}
}
func (single) Order(time.Time) []int      { return []int{0} }
func (single) Tried(int, bool, time.Time) {}

// failover takes the working sink with the highest priority.
type failover struct {
	priorities map[string]string
	penalized
	order []int // by falling priority
}

func newFailover(p *flume.Properties) Processor {
	f := &failover{}
	p.Family(&f.priorities, "priority.", "the priority of the sink of this name; the highest one is used")
	p.Duration(&f.most, "maxpenalty", 30*time.Second, time.Millisecond, "longest rest of a sink that failed")
	return f
}

func (f *failover) Bind(names []string) []flume.Problem {
	f.bind(len(names))
	var problems []flume.Problem
	report := func(property, fix, format string, args ...any) {
		problems = append(problems, flume.Problem{Property: property, Fix: fix, Message: fmt.Sprintf(format, args...)})
	}
	byPriority := map[int]string{}
	priority := make([]int, len(names))
	for i, name := range names {
		f.order = append(f.order, i)
		// Flume gives sinks without a priority falling ones below 0.
		priority[i] = -1 - i
		text, set := f.priorities[name]
		if !set {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			report("priority."+name, "write a whole number", "priority of sink %s: want a whole number, not %q", name, text)
			continue
		}
		if other, taken := byPriority[n]; taken {
			problems = append(problems, flume.Problem{Property: "priority." + name, Fix: "give each sink a priority of its own", Harmless: true,
				Message: fmt.Sprintf("sinks %s and %s have the same priority %d: Flume uses one of them only, and here %s comes first", other, name, n, other)})
		} else {
			byPriority[n] = name
		}
		priority[i] = n
	}
	for name := range f.priorities {
		if !slices.Contains(names, name) {
			problems = append(problems, flume.Problem{Property: "priority." + name, Fix: "name a sink of the group",
				Message: "the group has no sink " + name + "; this has no effect", Harmless: true})
		}
	}
	slices.SortStableFunc(f.order, func(a, b int) int { return priority[b] - priority[a] })
	return problems
}

func (f *failover) Order(now time.Time) []int {
	return slices.DeleteFunc(slices.Clone(f.order), func(i int) bool { return f.rests(i, now) })
}

func (f *failover) Tried(sink int, failed bool, now time.Time) { f.tried(sink, failed, now) }

// loadBalance spreads the transactions over the sinks.
type loadBalance struct {
	selector string
	backoff  bool
	penalized
	n    int
	next int
}

func newLoadBalance(p *flume.Properties) Processor {
	b := &loadBalance{}
	p.Choice(&b.selector, "selector", "round_robin", []string{"round_robin", "random"}, "how the next sink is chosen")
	p.Bool(&b.backoff, "backoff", false, "leave a sink that failed alone for a while")
	p.Duration(&b.most, "selector.maxTimeOut", 30*time.Second, time.Millisecond, "longest rest of a sink that failed")
	return b
}

func (b *loadBalance) Bind(names []string) []flume.Problem {
	b.n = len(names)
	b.bind(b.n)
	return nil
}

func (b *loadBalance) Order(now time.Time) []int {
	var order []int
	if b.selector == "random" {
		order = rand.Perm(b.n)
	} else {
		for i := range b.n {
			order = append(order, (b.next+i)%b.n)
		}
		b.next = (b.next + 1) % b.n
	}
	if b.backoff {
		order = slices.DeleteFunc(order, func(i int) bool { return b.rests(i, now) })
	}
	return order
}

func (b *loadBalance) Tried(sink int, failed bool, now time.Time) { b.tried(sink, failed, now) }
