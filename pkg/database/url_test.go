package database

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

func TestParseURL(t *testing.T) {
	more := map[string]string{"user": "file", "password": "p"}
	tests := []struct{ url, want string }{
		{"jdbc:postgresql://db.example.com:5433/events?user=flume&password=a%26b&currentSchema=x", "PostgreSQL [db.example.com:5433] events flume a&b x 0 []"},
		{"jdbc:postgresql://a,b:5433/events", "PostgreSQL [a:5432 b:5433] events file p  0 []"},
		{"jdbc:postgresql://[::1]:5433/events?ssl=true&loginTimeout=3", "PostgreSQL [[::1]:5433] events file p  4 [loginTimeout]"},
		{"jdbc:postgresql:events", "PostgreSQL [localhost:5432] events file p  0 []"},
		{"jdbc:postgresql:/", "PostgreSQL [localhost:5432] file file p  0 []"},
		{"jdbc:postgresql://h/d?sslmode=verify-ca", "PostgreSQL [h:5432] d file p  3 []"},
		{"jdbc:mysql://h/d?useSSL=false", "MySQL [h:3306] d file p  1 []"},
		{"jdbc:mysql://u:p%40w@h/d?sslMode=REQUIRED", "MySQL [h:3306] d file p  2 []"},
		{"jdbc:mariadb://h:1/d?requireSSL=true", "MySQL [h:1] d file p  2 []"},
		{"jdbc:sqlite:/var/lib/x.db", "SQLite /var/lib/x.db"},
		{"jdbc:sqlite:file:x.db?cache=shared", "SQLite x.db ignored cache"},
		{"jdbc:derby:/var/flume/db;create=true;user=sa", "SQLite /var/flume/db.sqlite derby /var/flume/db ignored user"},
		{`jdbc:derby:C:\flume\db`, `SQLite C:\flume\db.sqlite derby C:\flume\db`},
		{"jdbc:derby:directory:db", "SQLite db.sqlite derby db"},

		{"jdbc:derby:memory:x", "a Derby database in memory has nothing that lasts; name a file, as jdbc:sqlite:/path/file"},
		{"jdbc:derby://h:1527/db", "logpipe has no driver for the network server of Derby; use one of "},
		{"jdbc:derby:", "the URL names no database; "},
		{"jdbc:sqlite::memory:", "a database in memory is gone with the process; "},
		{"jdbc:oracle:thin:@h:1521:x", "logpipe has no driver for oracle; use one of "},
		{"postgres://h/d", "the URL does not begin with jdbc:; write jdbc:postgresql:…"},
		{"mysql://h/d", "the URL does not begin with jdbc:; write jdbc:mysql:…"},
		{"h/d", `"h/d" is no URL of a database; write one as `},
		{"jdbc:mysql://h:3306", "the URL names no database; "},
		{"jdbc:mysql://h:x/d", `"x" is no port; `},
		{"jdbc:mysql://h:99999/d", `"99999" is no port; `},
		{"jdbc:mysql://address=(host=h)/d", "the URL lists hosts as address=(…), which logpipe does not read; "},
		{"jdbc:postgresql://h/d?sslmode=maybe", `sslmode "maybe": want one of disable, prefer, require, verify-ca, verify-full; `},
	}
	for _, test := range tests {
		u, err := ParseURL(test.url, more)
		if err != nil {
			if got := err.Error() + "; " + fault.HintOf(err); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s", test.url, got)
			}
			continue
		}
		got := fmt.Sprint(u.Kind, " ", u.Addresses, " ", u.Database, " ", u.User, " ", u.Password, " ", u.Schema, " ", int(u.TLS), " ", u.Ignored)
		if u.Kind == SQLite {
			got = "SQLite " + u.Path
			if u.Derby != "" {
				got += " derby " + u.Derby
			}
			if len(u.Ignored) > 0 {
				got += " ignored " + strings.Join(u.Ignored, " ")
			}
		}
		if got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.url, got, test.want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"jdbc:postgresql://u@[::1]:1,b/d?a=%41&ssl", "jdbc:derby:directory:x;create=true", "jdbc:sqlite:x?y", "jdbc:mysql:///d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text, nil)
		if err != nil {
			return
		}
		if u.Kind == SQLite && u.Path == "" || u.Kind != SQLite && (u.Database == "" || len(u.Addresses) == 0) {
			t.Errorf("%q: %+v", text, u)
		}
	})
}
