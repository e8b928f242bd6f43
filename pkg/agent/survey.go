package agent

import (
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/flume"
)

// survey looks for what the components of a plan need on this machine. What is
// missing here is a warning of a check, which may be made on another machine,
// and an error where the component is to start now: it could not. With
// --lenient, where Flume's way is asked for, it is opened again and again.
func (l *linter) survey(p *plan, starts func(*part) bool) {
	for _, c := range p.channels {
		surveyPart(l, c, starts)
		if c.ok() {
			if q, _ := c.props.Lookup(flume.DeadLetter); q != nil {
				surveyDead(l, c, starts)
			}
		}
	}
	for _, n := range p.sources {
		surveyPart(l, n.component, starts)
	}
	for _, n := range p.sinks {
		surveyPart(l, n.component, starts)
		surveyDead(l, n.component, starts)
	}
}

// surveyDead looks for the folder of the file for events that nobody takes.
func surveyDead[C any](l *linter, c *component[C], starts func(*part) bool) {
	if e := c.part.get(flume.DeadLetter); e != nil && c.ok() && !e.deferred {
		l.surveyed(c.part, c.props, flume.SurveyMade(flume.DeadLetter, filepath.Dir(e.value)), starts)
	}
}

func surveyPart[C any](l *linter, c *component[C], starts func(*part) bool) {
	surveyor, ok := any(c.built).(flume.Surveyor)
	if !ok || !c.ok() || c.part.defers() {
		return
	}
	l.surveyed(c.part, c.props, surveyor.Survey(), starts)
}

// surveyed reports what a survey has found. It loses nothing that Flume would
// run: Flume tries such components again and again.
func (l *linter) surveyed(p *part, props *flume.Properties, all []flume.Problem, starts func(*part) bool) {
	for _, problem := range all {
		if e := p.get(problem.Property); e != nil && len(e.unresolved) > 0 {
			continue // that was reported
		}
		level := levelOf(problem)
		if problem.Here && !starts(p) {
			level = Warning
		}
		l.note(level, p.placeOf(props, problem.Property), problem.Fix, "%s %s: %s", singular[p.kind], p.name, problem.Message)
	}
}

// placeOf is where the value of a property stands, under the name that the file
// gives it, or the component begins.
func (p *part) placeOf(props *flume.Properties, property string) position {
	names := []string{property}
	if q, _ := props.Lookup(property); q != nil {
		names = append(names, q.Old...)
	}
	for _, name := range names {
		if e := p.get(name); e != nil {
			return e.valueAt
		}
	}
	return p.place()
}
