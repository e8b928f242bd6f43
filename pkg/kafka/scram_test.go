package kafka

import (
	"strings"
	"testing"
)

// TestScramExample is the exchange of RFC 7677, section 3.
func TestScramExample(t *testing.T) {
	s := newScram(ScramSHA256)
	s.nonce = "rOprNGfwEbeRWgbNEkqO"
	if err := s.Begin("user", "pencil", ""); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ challenge, answer string }{
		{"", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"},
		{"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="},
		{"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ""},
	} {
		answer, err := s.Step(step.challenge)
		if err != nil || answer != step.answer {
			t.Fatalf("%q: %q, %v, want %q", step.challenge, answer, err, step.answer)
		}
	}
	if !s.Done() {
		t.Error("it is not done")
	}
}

// TestScramServers holds that servers which are wrong are refused.
func TestScramServers(t *testing.T) {
	const first = "r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	for _, challenges := range [][]string{
		{"r=xyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
		{"r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
		{"r=abcdef,s=,i=4096"}, {"r=abcdef,s=??,i=4096"}, {"r=abcdef,s=AA==,i=0"}, {"r=abcdef,s=AA==,i=99999999"},
		{"m=1," + first}, {"e=other-error"}, {""},
		{first, "v=AAAA"}, {first, "e=invalid-proof"}, {first, ""}, {first, "dHzbZapWIk4="},
	} {
		s := newScram(ScramSHA512)
		s.nonce = "abc"
		if err := s.Begin("a=b,c", "secret", ""); err != nil {
			t.Fatal(err)
		}
		answer, err := s.Step("")
		if err != nil || answer != "n,,n=a=3Db=2Cc,r=abc" {
			t.Fatalf("first: %q, %v", answer, err)
		}
		for _, c := range challenges {
			if _, err = s.Step(c); err != nil {
				break
			}
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", challenges, err)
		}
	}
}

func FuzzScram(f *testing.F) {
	f.Add("r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4", "v=AAAA")
	f.Add("e=other-error", "")
	f.Fuzz(func(t *testing.T, first, final string) {
		if strings.Contains(first, "i=") && len(first) > 60 {
			return // iterations cost time
		}
		s := newScram(ScramSHA256)
		s.nonce = "abc"
		if err := s.Begin("user", "pencil", ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{"", first, final} {
			if _, err := s.Step(c); err != nil {
				return
			}
		}
		t.Errorf("%q and %q are taken for a server that knows the password", first, final)
	})
}
