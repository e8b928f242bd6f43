package option

import "testing"

func TestClosest(t *testing.T) {
	list := []string{"aggregate", "where", "head", "top", "version", "on-error"}
	for _, c := range []struct{ word, want string }{
		{"agregate", "aggregate"}, {"agg", "aggregate"}, {"wehre", "where"}, {"haed", "head"},
		{"tpo", "top"}, {"jq", ""}, {"grep", ""}, {"cat", ""}, {"onerror", "on-error"}, {"vers", "version"},
	} {
		if got := Closest(c.word, list); got != c.want {
			t.Errorf("Closest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
