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

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "xbcd", 2}, {"größe", "grösse", 2}, {"ä", "a", 1}} {
		if got := Distance(c.a, c.b); got != c.want || Distance(c.b, c.a) != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
