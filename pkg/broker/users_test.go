package broker

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestReadUsers(t *testing.T) {
	got, err := ReadUsers(strings.NewReader("# who\n\nann:pass:word \r\nb b:#x\n"))
	if want := (Users{"ann": "pass:word ", "b b": "#x"}); err != nil || !maps.Equal(got, want) {
		t.Errorf("%q %v", map[string]Secret(got), err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, got["ann"]); strings.Contains(text, "word") {
		t.Errorf("a password is shown: %s", text)
	}
	for text, want := range map[string]string{
		"":                       "holds no user: want lines of NAME:PASSWORD",
		"# a:b\n":                "holds no user: want lines of NAME:PASSWORD",
		"ann:x\nsecret\n":        "line 2: want NAME:PASSWORD",
		":secret":                "line 1: want NAME:PASSWORD",
		"ann:":                   "line 1: want NAME:PASSWORD",
		"a:secret\x00":           "line 1: holds a zero byte",
		"a:b\n\na:secret\n":      "line 3: its user is there already",
		strings.Repeat("x", 1e5): "bufio.Scanner: token too long",
	} {
		if _, err := ReadUsers(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

func FuzzReadUsers(f *testing.F) {
	f.Add("ann:x\n# y\nbob:z:z\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := ReadUsers(strings.NewReader(text))
		if (err == nil) != (len(users) > 0) {
			t.Errorf("%d users and %v", len(users), err)
		}
		for name, password := range users {
			if name == "" || password == "" || strings.ContainsAny(name, ":\x00\n") {
				t.Errorf("user %q", name)
			}
		}
	})
}

// FuzzLogin sends whatever comes as the requests and tokens of a login: nobody
// gets in who does not know a password.
func FuzzLogin(f *testing.F) {
	f.Add(Plain, []byte("\x00ann\x00x"), []byte{})
	f.Add(ScramSHA256, []byte("n,,n=ann,r=abc"), []byte("c=biws,r=abc,p=AAAA"))
	f.Add(ScramSHA512, []byte("n,a=ann,n=ann,r=abc,ext=1"), []byte("c=,r=,p="))
	f.Add("", []byte("0000\xfa0\x00\xfa0\xfa0\x00\xfa\xdd\xbd0"), []byte{}) // tags without number
	rules := &Login{Mechanisms: Mechanisms(), Users: Users{"ann": "a long password that no fuzzer finds"}}
	f.Fuzz(func(t *testing.T, mechanism string, first, second []byte) {
		l := login{mechanism: mechanism}
		for _, token := range [][]byte{first, second} {
			if _, err := l.step(rules, token); err != nil {
				break
			}
		}
		if l.done {
			t.Errorf("%s let in %q %q", mechanism, first, second)
		}
		for version := range int16(3) {
			(&login{}).handshake(rules, version, first)
			l := login{mechanism: mechanism}
			l.authenticate(rules, version, first)
		}
		for version := range int16(5) {
			epochsIn(version, first)
		}
	})
}
