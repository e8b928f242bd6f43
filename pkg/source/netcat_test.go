package source

import (
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

func dial(t *testing.T, s Source) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.(*Netcat).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

// TestNetcat holds the table of answers of a real Flume 1.11.
func TestNetcat(t *testing.T) {
	const tooLong = "FAILED: Event exceeds the maximum length (512 chars, including newline)\n"
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name     string
		send     string
		answer   string
		want     []string
		settings string
	}{
		{"line", "hello\n", "OK\n", []string{"hello"}, ""},
		{"carriage return stays", "hello\r\n", "OK\n", []string{"hello\r"}, ""},
		{"empty line", "\n", "OK\n", []string{""}, ""},
		{"unfinished tail", "a\nb\nhalf", "OK\nOK\n", []string{"a", "b"}, ""},
		{"longest line", x(511) + "\n", "OK\n", []string{x(511)}, ""},
		{"one too long", x(512) + "\nnext\n", tooLong, nil, ""},
		{"too long without newline", x(600), tooLong, nil, ""},
		{"lines before a long one", "a\n" + x(600), "OK\n" + tooLong, []string{"a"}, ""},
		{"not UTF-8", "\xff\xfe\x80\n", "", nil, ""},
		{"lines before bad text", "a\n\xff\xfe\x80\n", "OK\n", []string{"a"}, ""},
		{"many lines", strings.Repeat("l\n", 300), strings.Repeat("OK\n", 300), strings.Split(strings.Repeat("l ", 299)+"l", " "), ""},
		{"characters, not bytes", strings.Repeat("é", 511) + "\n", "OK\n", []string{strings.Repeat("é", 511)}, ""},
		{"surrogates count twice", strings.Repeat("😀", 256) + "\n", tooLong, nil, ""},
		{"surrogates that fit", strings.Repeat("😀", 255) + "\n", "OK\n", []string{strings.Repeat("😀", 255)}, ""},
		{"no answers", "a\nb\n", "", []string{"a", "b"}, "ack-every-event=false"},
		{"shorter lines", "abcd\n", "FAILED: Event exceeds the maximum length (4 chars, including newline)\n", nil, "max-line-length=4"},
		{"Java's name", "é\n", "OK\n", []string{"é"}, "encoding=UTF8"},
		{"ASCII", "a\n\xc3\xa9\n", "OK\n", []string{"a"}, "encoding=US-ASCII"},
		{"latin1", "\xe9\n", "OK\n", []string{"é"}, "encoding=latin1"},
		{"Windows", "\x80\n", "OK\n", []string{"€"}, "encoding=windows-1252"},
		{"GBK", "\xd6\xd0\xce\xc4\nx\n\xd6", "OK\nOK\n", []string{"中文", "x"}, "encoding=GBK"},
		{"Big5", "\xa4\xa4\n", "OK\n", []string{"中"}, "encoding=Big5"},
		{"Big5, too long", strings.Repeat("\xa4\xa4", 600), tooLong, nil, "encoding=Big5"},
		{"UTF-16", "\xff\xfe\x2d\x4e\x0a\x4e\n\x00x\x00\n\x00", "\xfe\xff\x00O\x00K\x00\n\x00O\x00K\x00\n", []string{"中上", "x"}, "encoding=UTF-16"},
		{"UTF-16LE", "\x0a\x4e\n\x00", "O\x00K\x00\n\x00", []string{"上"}, "encoding=UTF-16LE"},
		{"latin 1", "gr\xfc\xdfe\n", "OK\n", []string{"grüße"}, "encoding=ISO-8859-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings := []string{"bind=127.0.0.1", "port=0"}
			if test.settings != "" {
				settings = append(settings, test.settings)
			}
			s := configure(t, NewNetcat, settings...)
			r := start(t, s, "capacity=1000")
			conn := dial(t, s)
			if _, err := io.WriteString(conn, test.send); err != nil {
				t.Fatal(err)
			}
			conn.CloseWrite()
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if string(answer) != test.answer {
				t.Errorf("answer %q, want %q", answer, test.answer)
			}
			r.stop()
			if got := r.rest(t); !reflect.DeepEqual(got, test.want) {
				t.Errorf("events %q, want %q", got, test.want)
			}
		})
	}
}

// A character may arrive in pieces.
func TestNetcatSplitCharacter(t *testing.T) {
	s := configure(t, NewNetcat, "bind=127.0.0.1", "port=0")
	r := start(t, s)
	conn := dial(t, s)
	for _, b := range []byte("中文\n") {
		conn.Write([]byte{b})
		time.Sleep(2 * time.Millisecond)
	}
	if got := r.take(t, 1); got[0] != "中文" {
		t.Fatalf("got %q", got)
	}
}

func TestNetcatWaitsForSpace(t *testing.T) {
	s := configure(t, NewNetcat, "bind=127.0.0.1", "port=0")
	r := start(t, s, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	conn := dial(t, s)
	const lines = 200
	go func() {
		for i := range lines {
			fmt.Fprintf(conn, "%d\n", i)
		}
	}()
	for i, body := range r.take(t, lines) {
		if body != fmt.Sprint(i) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
}

// TestNetcatAnswersWhatIsStored holds that lines which the channel has are answered
// while those behind them wait for space, as a Flume answers each by itself.
func TestNetcatAnswersWhatIsStored(t *testing.T) {
	s := configure(t, NewNetcat, "bind=127.0.0.1", "port=0")
	r := start(t, s, "capacity=1000")
	conn := dial(t, s)
	if _, err := io.WriteString(conn, strings.Repeat("x\n", 2500)); err != nil {
		t.Fatal(err)
	}
	answers := make([]byte, 3*1000)
	if n, err := io.ReadFull(conn, answers); err != nil || string(answers) != strings.Repeat("OK\n", 1000) {
		t.Fatalf("%d bytes of answers: %v", n, err)
	}
	if got := r.out.Accepted(); got != 1000 {
		t.Errorf("%d accepted", got)
	}
	if got := r.take(t, 1500); len(got) != 1500 {
		t.Errorf("%d taken", len(got))
	}
	if _, err := io.ReadFull(conn, make([]byte, 3*1500)); err != nil {
		t.Errorf("the other answers: %v", err)
	}
}

func TestNetcatStopsAtOnce(t *testing.T) {
	s := configure(t, NewNetcat, "bind=127.0.0.1", "port=0")
	r := start(t, s)
	conn := dial(t, s)
	io.WriteString(conn, "a\n")
	io.ReadFull(conn, make([]byte, 3))
	begin := time.Now()
	r.stop()
	if got := r.rest(t); len(got) != 1 {
		t.Fatalf("got %q", got)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Fatalf("stopping took %v", d)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection is still open")
	}
}

func TestNetcatPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	s := configure(t, NewNetcat, "bind=127.0.0.1", fmt.Sprintf("port=%d", port))
	err = s.Open(flume.Env{Logf: t.Logf})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), l.Addr().String()) || fault.HintOf(err) == "" {
		t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
	}
	if fault.CodeOf(err) != fault.Failed {
		t.Fatalf("exit code %d", fault.CodeOf(err))
	}
}

// FuzzNetcatLines checks that the way in which a stream is cut into reads
// changes neither events nor verdict.
func FuzzNetcatLines(f *testing.F) {
	for _, seed := range []string{"a\nb\n", "\n\n", "größe\n", "\xff\n", strings.Repeat("x", 20) + "\n", "😀😀😀😀\n", "\xe4\xb8"} {
		f.Add([]byte(seed), 3)
	}
	// The first bytes of a character must not count as more than it does: GB18030, a
	// byte at a time.
	f.Add([]byte("00000000\x9e0\x980"), 95)
	f.Add([]byte("00000\x9e0\x980"), 95)
	run := func(r io.Reader, name string) (bodies []string, verdict string) {
		in := must(newCharset(name))
		lines := netcatLines{max: 8, in: in}
		for {
			readErr := lines.read(r)
			events, err := lines.next(nil)
			for _, e := range events {
				bodies = append(bodies, string(e.Body))
			}
			if err != nil {
				return bodies, err.Error()
			}
			if readErr != nil {
				return bodies, fmt.Sprint(lines.pending())
			}
		}
	}
	names := []string{"UTF-8", "UTF-16", "UTF-32", "ISO-8859-1", "GBK", "GB18030", "Shift_JIS", "Big5", "EUC-JP", "ISO-2022-JP"}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		name := names[uint(size)%uint(len(names))]
		if size < 1 || size > len(data) {
			size = 1
		}
		bodies, verdict := run(strings.NewReader(string(data)), name)
		again, second := run(&pieces{data, size}, name)
		if !reflect.DeepEqual(bodies, again) || (verdict != second && !strings.Contains(verdict, "line")) {
			t.Fatalf("whole: %q %s\npieces of %d: %q %s", bodies, verdict, size, again, second)
		}
	})
}

// pieces is a reader that gives a few bytes at a time.
type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}
