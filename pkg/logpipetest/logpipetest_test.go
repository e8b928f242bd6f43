package logpipetest

import (
	"archive/zip"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestMain lets a test start this binary as a server.
func TestMain(m *testing.M) {
	switch os.Getenv("LOGPIPETEST_CHILD") {
	case "ready":
		os.Stdout.WriteString("starting\nnow rea")
		os.Stdout.WriteString("dy.\nmore\n")
		select {}
	case "broken":
		os.Stderr.WriteString("starting\nno luck")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, as string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LOGPIPETEST_CHILD="+as)
	return cmd
}

// What is expected is seen too where many lines follow at once.
func TestLogWatch(t *testing.T) {
	w := &logWatch{}
	seen, never := w.expect("is dead"), w.expect("is alive")
	for _, text := range []string{"a node is de", "ad\n", strings.Repeat("at\n", 2*logTail)} {
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-seen:
	case <-never:
		t.Error("a text was seen that was not printed")
	default:
		t.Error("a text was not seen")
	}
	if tail := w.tail(); strings.Contains(tail, "dead") {
		t.Errorf("the test writes too few lines: %q", tail)
	}
}

func TestServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), awaitLimit)
	defer cancel()
	s, err := startServer("the child", "now ready", child(t, "ready"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wait(ctx); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := s.kill(); err != nil {
			t.Error(err)
		}
	}
	if tail := s.log.tail(); !strings.HasPrefix(tail, "starting\nnow ready.\n") {
		t.Errorf("tail %q", tail)
	}

	s, err = startServer("the child", "now ready", child(t, "broken"))
	if err != nil {
		t.Fatal(err)
	}
	err = s.wait(ctx)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("a server that ends: %v", err)
	}

	s, err = startServer("the child", "never", child(t, "ready"))
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancelCause(ctx)
	end(errors.New("out of patience"))
	if err := s.wait(over); err == nil || !strings.Contains(err.Error(), "not ready: out of patience") {
		t.Errorf("a server that is not ready: %v", err)
	}
	if err := s.kill(); err != nil {
		t.Error(err)
	}
	if _, err := startServer("nothing", "x", exec.Command(filepath.Join(t.TempDir(), "absent"))); err == nil {
		t.Error("started a program that does not exist")
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := freePorts(t, 8)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if n := len(slices.Compact(ports)); n != 8 {
		t.Errorf("%d different ports of 8", n)
	}
	// A server gets its port, also when it comes back, and nobody else does meanwhile.
	for _, port := range ports {
		for range 2 {
			ListenAt(t, loopback(port)).Close()
			Gone(t, loopback(port))
		}
		if free, err := reserve(t, port); err != nil || free == (runtime.GOOS == "linux") {
			t.Errorf("port %d is free: %t, %v", port, free, err)
		}
	}
}

// TestOwnAddress holds that a server finds its port free after a while without it,
// though others have taken all that they could get meanwhile.
func TestOwnAddress(t *testing.T) {
	addr := OwnAddress(t)
	if host, _, err := net.SplitHostPort(addr); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Fatalf("%q, %v", addr, err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if other, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
		defer other.Close()
	}
	if strings.HasPrefix(addr, "127.0.0.1:") {
		t.Skip("this system has no other address of its own")
	}
	ListenAt(t, l.Addr().String()).Close()
	if c, err := net.Dial("tcp", Closed(t)); err == nil {
		c.Close()
		t.Error("somebody listens at an address where nobody does")
	}
}

// fakeMaven puts a program called mvn first into the PATH, in an installation
// whose own repository is central.invalid, and records its arguments in a file.
func fakeMaven(t *testing.T, script string) (arguments string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	home := t.TempDir()
	arguments = filepath.Join(home, "arguments")
	for _, dir := range []string{"bin", "lib"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	text := "#!/bin/sh\necho \"$@\" >>'" + arguments + "'\n" +
		"for a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(home, "bin", "mvn"), []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(home, "lib", "maven-model-builder-3.x.jar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	jar := zip.NewWriter(f)
	w, err := jar.Create("org/apache/maven/model/pom-4.0.0.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`<?xml version="1.0"?><project><repositories><repository><id>central</id>` +
		`<url>https://central.invalid/m2</url></repository></repositories></project>`)); err != nil {
		t.Fatal(err)
	}
	if err := jar.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return arguments
}

func calls(t *testing.T, arguments string) []string {
	t.Helper()
	b, err := os.ReadFile(arguments)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestDownload(t *testing.T) {
	// It downloads with one mirror for everything alone.
	arguments := fakeMaven(t, `case "$*" in *-gs*) mkdir -p "$out"; : >"$out/a.jar"; cp "${out%/jars}"/*.xml "$out";;
*) echo "[ERROR] unknown host"; exit 1;; esac`)
	d := download{dir: "x/libs", version: "1", artifacts: []artifact{{group: "g", name: "n", version: "1", without: []string{"h:m"}}}}
	for range 2 {
		dir, err := d.fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "a.jar")); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]string{
			"settings.xml": "<mirrorOf>*</mirrorOf><url>https://central.invalid/m2</url>",
			"pom.xml": "<dependency><groupId>g</groupId><artifactId>n</artifactId><version>1</version><exclusions>" +
				"<exclusion><groupId>h</groupId><artifactId>m</artifactId></exclusion></exclusions></dependency>",
		} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(b), want) {
				t.Errorf("%s: %s %v", name, b, err)
			}
		}
	}
	if got := calls(t, arguments); len(got) != 2 || strings.Contains(got[0], "-gs") || !strings.Contains(got[1], "-gs") {
		t.Errorf("mvn was called with %q", got)
	}

	d.version = "2" // takes the place of the other
	if dir, err := d.fetch(t.Context()); err != nil || !d.complete(dir) {
		t.Error(err)
	}
	if got := calls(t, arguments); len(got) != 4 {
		t.Errorf("mvn was called with %q", got)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "logpipe-real", "x", "fetch-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
}

func TestDownloadRefused(t *testing.T) {
	fakeMaven(t, `echo "[INFO] trying"; echo "[ERROR] Could not transfer artifact"; exit 1`)
	_, err := download{dir: "x/libs", version: "1"}.fetch(t.Context())
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "Could not transfer artifact") {
		t.Errorf("refused: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := (download{dir: "x/libs", version: "1"}).fetch(t.Context()); !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "no mvn") {
		t.Errorf("without mvn: %v", err)
	}
}
