package kafka

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

func TestParseRange(t *testing.T) {
	for in, want := range map[string]string{
		"beginning":                             "beginning",
		"-5":                                    "-5",
		"@2026-11-20T10:00":                     "@2026-11-20T10:00:00",
		"0:2":                                   "0:2",
		":end":                                  "beginning:end",
		":20":                                   "beginning:20",
		"5:":                                    "5",
		":":                                     "beginning",
		"-10:end":                               "-10:end",
		"-10:-5":                                "-10:-5",
		"end:100":                               "end:100",
		"@-1h:@-1s":                             "@-1h:@-1s",
		"@-48h:-24h":                            "@-48h:@-24h",
		"@-1m:end":                              "@-1m:end",
		"@1700000000:1700000060":                "@2023-11-14T22:13:20Z:@2023-11-14T22:14:20Z",
		"@2026-11-20T10:00:@2026-11-21":         "@2026-11-20T10:00:00:@2026-11-21T00:00:00",
		"@2026-11-20T10:00:@2026-11-20":         "",
		"@-1m:@-1h":                             "",
		"@2022-02-14:1h":                        "@2022-02-14T00:00:00:@2022-02-14T01:00:00",
		"@2022-02-14T10:30:1m3ms":               "@2022-02-14T10:30:00:@2022-02-14T10:31:00.003",
		"@2022-02-14:2d":                        "@2022-02-14T00:00:00:@2022-02-16T00:00:00",
		"@-1h:30m":                              "", // ahead
		"@:-1h":                                 "beginning:@-1h",
		"@:-1hr":                                "beginning:@-1h",
		"@:2026-11-20":                          "beginning:@2026-11-20T00:00:00",
		"@:":                                    "beginning",
		"@-1h:":                                 "@-1h",
		"@2026-11-20 10:00:2026-11-20 11:5":     "",
		"@2026-11-20T10:00:2026-11-20T11:00:30": "@2026-11-20T10:00:00:@2026-11-20T11:00:30",
		"@2026-11-20T10:00:00+02:00:end":        "@2026-11-20T10:00:00+02:00:end",
		"@2026-11-20T10:00:00+02:00:@-1s":       "@2026-11-20T10:00:00+02:00:@-1s",
		"0:@2026-11-20T10:00:00Z":               "0:@2026-11-20T10:00:00Z",
		"":                                      "",
		"middle":                                "",
		"0:x":                                   "",
		"x:0":                                   "",
		"5:3":                                   "",
		"0:beginning":                           "",
		"1:2:3":                                 "",
		"::":                                    "",
		"@-1h:@":                                "",
		"@-1h:5":                                "@-1h:@1970-01-01T00:00:05Z",
	} {
		got, err := ParseRange(in)
		if want == "" {
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" || !strings.HasPrefix(err.Error(), "offset ") {
				t.Errorf("%q: %s, %v; want a usage error with a hint", in, &got, err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q: %s, want %s, %v", in, &got, want, err)
		}
	}
}

// Times without a zone are of the one that is asked for; others, and how long a range
// lasts, are as they were given.
func TestRangeInZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones are installed: ", err)
	}
	for text, want := range map[string]string{
		"@2026-11-20T10:00":                       "@2026-11-20T10:00:00+01:00",
		"@2026-07-20 10:00:@2026-07-21":           "@2026-07-20T10:00:00+02:00:@2026-07-21T00:00:00+02:00",
		"@2026-10-25:1d":                          "@2026-10-25T00:00:00+02:00:@2026-10-25T23:00:00+01:00", // the hour that came twice
		"@2026-11-20T10:00:00Z:@2026-11-20T12:00": "@2026-11-20T10:00:00Z:@2026-11-20T12:00:00+01:00",
		"@-1h:-5m":                                "@-1h:@-5m",
		"-5:end":                                  "-5:end",
		"@2026-11-20T10:00:00Z:@2026-11-20T10:30": "", // half an hour before it
		"@2026-11-20T10:30:@2026-11-20T10:00:00Z": "@2026-11-20T10:30:00+01:00:@2026-11-20T10:00:00Z",
		"5:@2026-11-20T10:00":                     "5:@2026-11-20T10:00:00+01:00",
		"@2026-11-20T10:00:beginning":             "",
	} {
		r, err := ParseRange(text)
		r = r.In(berlin)
		if err == nil {
			err = r.Check()
		}
		if want == "" {
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Errorf("%q is taken for %s, %v", text, &r, err)
			}
			continue
		}
		if got := r.String(); err != nil || got != want {
			t.Errorf("%q: %s, want %s, %v", text, got, want, err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"0:2", ":end", "@-1h:@-1s", "@2026-11-20T10:00:00+02:00:end", "-5:", "@1700000000:1700000060"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRange(s)
		if err != nil {
			return
		}
		again, err := ParseRange(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q is %s, which reads as %s: %v", s, &r, &again, err)
		}
	})
}

// TestRanges holds that a range ends each partition before its end, by itself,
// with a group too.
func TestRanges(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 2)
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		for part := range int32(2) {
			r := Record{Topic: "x", Partition: part, Value: []byte{byte('a' + 10*part + int32(i))}, Time: day.Add(time.Duration(i) * time.Minute)}
			if err := p.Send(soon(t), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(p.Flush(soon(t)), p.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, at   string
		partitions []int32
		group      string
		exit       bool
		want       string
	}{
		{name: "numbers", at: "0:2", want: "abkl"},
		{name: "to a number", at: ":1", want: "ak"},
		{name: "the end now", at: ":end", want: "abcdefghijklmnopqrst"},
		{name: "from the end to it", at: "end:end", want: ""},
		{name: "some before the end", at: "-3:-1", want: "hirs"},
		{name: "times", at: "@2026-01-02T00:02:@2026-01-02T00:04", want: "cdmn"},
		{name: "time to the end", at: "@2026-01-02T00:08:end", want: "ijst"},
		{name: "to a time behind the last", at: "8:@-1s", want: "ijst"},
		{name: "beyond the end, with exit", at: "8:100", exit: true, want: "ijst"},
		{name: "one partition", at: "0:2", partitions: []int32{1}, want: "kl"},
		{name: "group", at: "0:2", group: "g", want: "abkl"},
		{name: "group again", at: "0:2", group: "g", want: ""},
		{name: "group further", at: "0:3", group: "g", want: "cm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseRange(c.at)
			if err != nil {
				t.Fatal(err)
			}
			in := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: r.From, Until: r.Until, Partitions: c.partitions, Group: c.group, ExitAtEnd: c.exit})
			var got []byte
			for {
				b, err := in.Read(soon(t))
				if errors.Is(err, io.EOF) {
					break
				}
				if err == nil {
					err = in.Commit(soon(t), b)
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.Join(values(b.Records), "")...)
			}
			slices.Sort(got)
			if string(got) != c.want {
				t.Errorf("%s: %s, want %s", c.at, got, c.want)
			}
		})
	}
	r, err := ParseRange("0:@2999-01-01")
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"x"}, From: r.From, Until: r.Until})
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "lies ahead") {
		t.Error(err)
	}
	_, err = NewConsumer(soon(t), cfg, ConsumerConfig{Topics: []string{"x"}, Partitions: []int32{2}})
	if err == nil || !strings.Contains(err.Error(), "no partition 2") || fault.HintOf(err) == "" {
		t.Error(err)
	}
}
