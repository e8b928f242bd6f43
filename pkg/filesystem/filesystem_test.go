package filesystem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

func TestSplit(t *testing.T) {
	tests := []struct{ path, root, name string }{
		{"/a/b", "", "/a/b"}, {"a/b:/c", "", "a/b:/c"}, {"logs", "", "logs"},
		{"file:///a", "file://", "/a"}, {"file:/a", "file://", "/a"}, {"FILE:/a", "file://", "/a"},
		{"hdfs://nn:8020/a/%Y", "hdfs://nn:8020", "/a/%Y"}, {"hdfs:///a", "hdfs://", "/a"}, {"hdfs://nn", "hdfs://nn", "/"},
		{"webhdfs://nn:9870/a", "webhdfs://nn:9870", "/a"},
	}
	for _, test := range tests {
		root, name, err := Split(test.path)
		if err != nil || root != test.root || name != test.name {
			t.Errorf("%s: %q %q %v", test.path, root, name, err)
		}
	}
	for _, bad := range []string{"file://host/a", "s3://b/a", "hdfs://a b/c"} {
		if root, _, err := Split(bad); err == nil {
			t.Errorf("%s is %s", bad, root)
		}
	}
}

func TestDefaultFileSystem(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HADOOP_CONF_DIR", dir)
	if f, err := Open(t.Context(), "", Config{}); err != nil || f != (Local{}) {
		t.Errorf("%v %v", f, err)
	}
	os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte(`<configuration><property><name>fs.defaultFS</name><value>hdfs://ha/</value></property></configuration>`), 0o666)
	os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(`<configuration><property><name>dfs.ha.namenodes.ha</name><value>n1, n2</value></property>
<property><name>dfs.namenode.rpc-address.ha.n1</name><value>one:8020</value></property>
<property><name>dfs.namenode.rpc-address.ha.n2</name><value>two:8020</value></property></configuration>`), 0o666)
	f, err := Open(t.Context(), "", Config{User: "me"})
	if err != nil {
		t.Fatal(err)
	}
	if h := f.(*HDFS); strings.Join(h.options.Addresses, " ") != "one:8020 two:8020" || h.Home() != "/user/me" {
		t.Errorf("%v %s", h.options.Addresses, h.Home())
	}
	if h, err := newHDFS("nn", Config{}, nil); err != nil || h.options.Addresses[0] != "nn:8020" {
		t.Error(err)
	}
	if _, err := newHDFS("", Config{}, nil); err == nil {
		t.Error("no namenode")
	}
	if _, err := newHDFS("nn", Config{}, hadoopconf.HadoopConf{"hadoop.security.authentication": "kerberos"}); err == nil {
		t.Error("kerberos")
	}
}

func TestLocal(t *testing.T) {
	folder := filepath.ToSlash(t.TempDir())
	l := Local{}
	f, err := l.Create(t.Context(), folder+"/a/b/c.tmp")
	if err != nil {
		t.Fatal(err)
	}
	f.Write(t.Context(), []byte("one two"))
	if err := f.Undo(3); err != nil {
		t.Fatal(err)
	}
	f.Write(t.Context(), []byte("!"))
	if _, err := l.Create(t.Context(), folder+"/a/b/c.tmp"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	all := func(_ io.ReaderAt, n int64) (int64, error) { return n, nil }
	if _, err := l.Adopt(t.Context(), folder+"/a/b/c.tmp", all); !errors.Is(err, ErrBusy) {
		t.Errorf("a file that is written is adopted: %v", err)
	}
	if err := errors.Join(f.Sync(t.Context()), f.Close(t.Context()), f.Close(t.Context())); err != nil {
		t.Error(err)
	}
	os.WriteFile(folder+"/a/b/c", nil, 0o666)
	if err := l.Rename(t.Context(), folder+"/a/b/c.tmp", folder+"/a/b/c"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file is written over: %v", err)
	}
	os.Remove(folder + "/a/b/c")
	os.Link(folder+"/a/b/c.tmp", folder+"/a/b/c") // a rename that was interrupted
	if err := l.Rename(t.Context(), folder+"/a/b/c.tmp", folder+"/a/b/c"); err != nil {
		t.Error(err)
	}
	if err := l.Rename(t.Context(), folder+"/a/b/c.tmp", folder+"/a/b/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	size, err := l.Adopt(t.Context(), folder+"/a/b/c", func(r io.ReaderAt, n int64) (int64, error) { return n - 1, nil })
	if b, _ := os.ReadFile(folder + "/a/b/c"); err != nil || size != 3 || string(b) != "one" {
		t.Errorf("%d %q %v", size, b, err)
	}
	entries, err := l.List(t.Context(), folder+"/a")
	if err != nil || len(entries) != 1 || !entries[0].Folder {
		t.Error(entries, err)
	}
}

// A file that changed lately is somebody's who does not lock it, if it is none of
// Create's.
func TestAdoptForeign(t *testing.T) {
	var l Local
	folder := filepath.ToSlash(t.TempDir())
	all := func(_ io.ReaderAt, n int64) (int64, error) { return n, nil }
	ours, err := l.Create(t.Context(), folder+"/ours")
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Adopt(t.Context(), folder+"/ours", all); err != nil {
		t.Errorf("ours: %v", err)
	}
	theirs, err := os.Create(folder + "/theirs")
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if !unmarked(theirs) {
		t.Skip("this file system keeps no marks")
	}
	for _, age := range []time.Duration{0, stillness / 2} {
		then := time.Now().Add(-age)
		if err := os.Chtimes(folder+"/theirs", then, then); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Adopt(t.Context(), folder+"/theirs", all); !errors.Is(err, ErrBusy) {
			t.Errorf("theirs, written %v ago: %v", age, err)
		}
	}
	then := time.Now().Add(-stillness)
	if err := os.Chtimes(folder+"/theirs", then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Adopt(t.Context(), folder+"/theirs", all); err != nil {
		t.Errorf("theirs, not written for long: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.ToSlash(t.TempDir()) + "/x"
	os.WriteFile(path, []byte("text"), 0o666)
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + " " + r.URL.Query().Get("op")
		io.WriteString(w, "text")
	}))
	defer server.Close()
	for _, name := range []string{"file://" + path, "file:" + path, path, strings.Replace(server.URL, "http", "webhdfs", 1) + "/x"} {
		if b, err := ReadFile(t.Context(), name, Config{User: "me"}, 4); err != nil || string(b) != "text" {
			t.Errorf("%s: %q %v", name, b, err)
		}
		if _, err := ReadFile(t.Context(), name, Config{User: "me"}, 3); err == nil || !strings.Contains(err.Error(), "more than 3 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked != "/webhdfs/v1/x OPEN" {
		t.Error(asked)
	}
	if _, err := ReadFile(t.Context(), path+"y", Config{}, 9); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// message is a protobuf message behind its length.
func message(fields ...byte) []byte { return append([]byte{byte(len(fields))}, fields...) }

// packet is one of so many bytes of data.
func packet(seqno int64, data int) []byte {
	head := binary.LittleEndian.AppendUint64([]byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 17}, uint64(seqno)) // offset, number
	head = append(head, 24, 0, 37, byte(data), 0, 0, 0)                                            // last, length
	b := binary.BigEndian.AppendUint32(nil, uint32(data+8))
	b = binary.BigEndian.AppendUint16(b, uint16(len(head)))
	return append(append(b, head...), make([]byte, data+4)...)
}

var (
	request = append([]byte{0, 28, 80}, message(10, 1, 'x')...)
	answer  = message(8, 0)
)

// dialogue is a connection with a datanode on the other side.
func dialogue(t *testing.T) (*ackedConn, net.Conn) {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	return newAckedConn(here), there
}

func TestAcks(t *testing.T) {
	for _, step := range []int{1, 2, 7, 1000} {
		a, datanode := dialogue(t)
		go io.Copy(io.Discard, datanode)
		var out []byte
		for _, part := range [][]byte{request, packet(1, 5), packet(-1, 0), packet(2, 0)} {
			out = append(out, part...)
		}
		for len(out) > 0 {
			n := min(step, len(out))
			if _, err := a.Write(out[:n]); err != nil {
				t.Fatal(err)
			}
			out = out[n:]
		}
		if a.sent != 2 || a.err != nil {
			t.Fatalf("step %d: %d sent, %v", step, a.sent, a.err)
		}
		in := bytes.Join([][]byte{answer, message(8, 2, 16, 0, 16, 0), message(8, 1), message(8, 4, 18, 2, 0, 0)}, nil)
		go func() {
			for len(in) > 0 {
				n := min(step, len(in))
				datanode.Write(in[:n])
				in = in[n:]
			}
		}()
		go io.Copy(io.Discard, a)
		if err := a.wait(nil, time.After(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if a.acked != 2 {
			t.Errorf("%d acknowledged", a.acked)
		}
	}
}

func TestAcksThatFail(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"status", append(append([]byte(nil), answer...), message(8, 2, 16, 1)...), "status 1"},
		{"packed status", append(append([]byte(nil), answer...), message(8, 2, 18, 2, 0, 1)...), "status 1"},
		{"nonsense", append(append([]byte(nil), answer...), message(15, 15)...), "do not understand"},
		{"end", answer, "EOF"},
		{"nothing", nil, "in time"},
	}
	for _, test := range tests {
		a, datanode := dialogue(t)
		go io.Copy(io.Discard, datanode)
		a.Write(append(append([]byte(nil), request...), packet(1, 5)...))
		go func() {
			datanode.Write(test.in)
			if test.name == "end" {
				datanode.Close()
			}
		}()
		go io.Copy(io.Discard, a)
		timeout := time.Minute
		if test.name == "nothing" {
			timeout = time.Millisecond
		}
		if err := a.wait(nil, time.After(timeout)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzAcks(f *testing.F) {
	f.Add(append(append([]byte(nil), request...), packet(1, 5)...), append(append([]byte(nil), answer...), message(8, 2, 16, 0)...), 3)
	f.Fuzz(func(t *testing.T, out, in []byte, step int) {
		feed := func(step int) (sent, acked int64, errs string) {
			a := newAckedConn(nil)
			var outErr, inErr error
			for b := out; len(b) > 0 && outErr == nil; {
				n := min(step, len(b))
				outErr = a.out.feed(b[:n])
				b = b[n:]
			}
			for b := in; len(b) > 0 && inErr == nil; {
				n := min(step, len(b))
				inErr = a.in.feed(b[:n])
				b = b[n:]
			}
			return a.sent, a.acked, fmt.Sprint(outErr, inErr)
		}
		sent, acked, errs := feed(1 << 20)
		sent2, acked2, errs2 := feed(max(1, step%64))
		if sent != sent2 || acked != acked2 || errs != errs2 {
			t.Fatalf("at once %d %d %s, in steps %d %d %s", sent, acked, errs, sent2, acked2, errs2)
		}
	})
}

// TestWebHDFSErrors holds what answers of a namenode become.
func TestWebHDFSErrors(t *testing.T) {
	said := func(code int, exception string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"RemoteException":{"exception":%q,"message":"why\nat Java"}}`, exception)
		}
	}
	tests := []struct {
		answer http.HandlerFunc
		want   error
	}{
		{said(403, "FileAlreadyExistsException"), fs.ErrExist},
		{said(404, "FileNotFoundException"), fs.ErrNotExist},
		{said(403, "AccessControlException"), fs.ErrPermission},
		{said(403, "AlreadyBeingCreatedException"), ErrBusy},
		{func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", 502) }, nil},
	}
	for _, test := range tests {
		server := httptest.NewServer(test.answer)
		w, err := newWebHDFS("http", strings.TrimPrefix(server.URL, "http://"), Config{User: "me"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Create(t.Context(), "/a b/c")
		if err == nil || test.want != nil && !errors.Is(err, test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %v", err, test.want)
		}
		w.Close()
		server.Close()
	}
	if _, err := newWebHDFS("http", "", Config{}); err == nil {
		t.Error("no host")
	}
}
