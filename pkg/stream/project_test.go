package stream

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
)

func TestFields(t *testing.T) {
	f := FieldsOf(record.MustField("a"), record.MustField("b.c"), record.MustField("d['e']"))
	if got := f.String(); got != "a b b.c d" {
		t.Errorf("fields are %q", got)
	}
	if g := f.With(record.MustField("x")).Without("b").Without("nothing"); g.String() != "a b.c d x" || f.Has("x") || !f.Has("b") {
		t.Errorf("changed: %q, and before it %q", g, f)
	}
	all := AllFields()
	if !all.All() || !all.Has("a") || !all.Without("a").Has("a") || all.With(record.MustField("a")).String() != "*" {
		t.Error("all fields are not all")
	}
	if none := (Fields{}); none.All() || none.Has("") || none.String() != "" {
		t.Error("no fields are some")
	}
}

// stageOf is a stage by its name alone.
type stageOf string

func (s stageOf) Name() string { return string(s) }
func (s stageOf) Input() Input { return Objects }

// reading is a stage that reads one field more than the stages behind it.
type reading struct {
	stageOf
	told *[]string
}

func (s reading) Project(out Fields) (Stage, Fields) {
	*s.told = append(*s.told, s.Name()+": "+out.String())
	return stageOf(s.stageOf + "'"), out.With(record.MustField(s.Name()))
}

// ending is a stage that reads nothing.
type ending struct{ reading }

func (s ending) Project(Fields) (Stage, Fields) { return s, Fields{} }

func TestProject(t *testing.T) {
	var told []string
	stages := []Stage{reading{"a", &told}, stageOf("b"), reading{"c", &told}, reading{"d", &told}, ending{reading{"e", &told}}, reading{"f", &told}}
	names := ""
	for _, s := range project(stages) {
		names += s.Name() + " "
	}
	if want := "a' b c' d' e f' "; names != want {
		t.Errorf("stages %s, want %s", names, want)
	}
	// From the end: f prints all; b, which tells nothing, reads all.
	want := []string{"f: *", "d: ", "c: d", "a: *"}
	for i := range want {
		if i >= len(told) || told[i] != want[i] {
			t.Fatalf("told %q, want %q", told, want)
		}
	}
	if stages[0].Name() != "a" {
		t.Error("the stages that were given have changed")
	}
}
