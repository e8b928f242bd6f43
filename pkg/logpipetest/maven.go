package logpipetest

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// artifact names a library in Maven's terms.
type artifact struct {
	group, name, version string
	without              []string // group:name of dependencies that are not needed
}

// download is a set of libraries, with all that they need to run, in a folder.
type download struct {
	dir       string // in the folder of downloads
	version   string // a folder with another one is replaced
	artifacts []artifact
}

// errRefused is in the chain of errors for which a test is skipped: what the
// machine does not have or does not let through.
var errRefused = errors.New("cannot be had here")

// fetch returns the folder with the jars, and downloads them where they are
// missing.
func (d download) fetch(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errRefused, err)
	}
	dir := filepath.Join(cache, d.dir)
	if d.complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return "", fmt.Errorf("%w: %w", errRefused, err)
	}
	unlock, err := lockFile(dir + ".lock")
	if err != nil {
		return "", err
	}
	if !d.complete(dir) { // nobody else did it meanwhile
		err = d.download(ctx, dir)
	}
	return dir, errors.Join(err, unlock())
}

func (d download) marker(dir string) string { return filepath.Join(dir, ".ok-"+d.version) }

func (d download) complete(dir string) bool {
	info, err := os.Stat(d.marker(dir))
	return err == nil && info.Size() > 0
}

// download fills dir, which gets its name when it is whole.
func (d download) download(ctx context.Context, dir string) (err error) {
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	pom, jars := filepath.Join(work, "pom.xml"), filepath.Join(work, "jars")
	if err := os.WriteFile(pom, d.pom(), 0o666); err != nil {
		return err
	}
	if err := copyDependencies(ctx, pom, jars); err != nil {
		return err
	}
	list, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("mvn has left no jar in %s", jars)
	}
	if err := os.WriteFile(d.marker(jars), fmt.Appendln(nil, len(list)), 0o666); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), os.Rename(jars, dir))
}

// pom is a project that needs the artifacts and nothing else.
func (d download) pom() []byte {
	var b strings.Builder
	b.WriteString("<project><modelVersion>4.0.0</modelVersion><groupId>logpipe</groupId><artifactId>real</artifactId>" +
		"<version>1</version><packaging>pom</packaging><dependencies>\n")
	for _, a := range d.artifacts {
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version><exclusions>", a.group, a.name, a.version)
		for _, w := range a.without {
			group, name, _ := strings.Cut(w, ":")
			fmt.Fprintf(&b, "<exclusion><groupId>%s</groupId><artifactId>%s</artifactId></exclusion>", group, name)
		}
		b.WriteString("</exclusions></dependency>\n")
	}
	b.WriteString("</dependencies></project>\n")
	return []byte(b.String())
}

// copyDependencies lets Maven collect the jars that a project needs. The parents
// of some libraries name repositories that no longer resolve. Where that stops
// Maven, it is told to ask its own central repository for everything; settings
// of the user, such as another mirror, still come first.
func copyDependencies(ctx context.Context, pom, jars string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: no mvn in the PATH to download jars with", errRefused)
	}
	run := func(more ...string) error {
		cmd := exec.CommandContext(ctx, mvn, append([]string{"-B", "-q", "-f", pom,
			"org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory=" + jars}, more...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: mvn does not download (%w): %s", errRefused, err, firstError(string(out)))
		}
		return nil
	}
	first := run()
	if first == nil || ctx.Err() != nil {
		return first
	}
	settings := filepath.Join(filepath.Dir(pom), "settings.xml")
	if err := oneMirror(mvn, settings); err != nil {
		return fmt.Errorf("%w; and with one mirror for all: %w", first, err)
	}
	return run("-gs", settings)
}

// firstError is the line of Maven's output that says what is wrong.
func firstError(out string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "Error") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(out)
}

// oneMirror writes settings by which Maven asks its own central repository in
// place of every other. Its address stands in Maven itself, in the project that
// all projects inherit from.
func oneMirror(mvn, path string) error {
	program, err := filepath.EvalSymlinks(mvn)
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(program), "..", "lib", "maven-model-builder-*.jar"))
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no maven-model-builder jar beside %s", program)
	}
	jar, err := zip.OpenReader(found[0])
	if err != nil {
		return err
	}
	defer jar.Close()
	f, err := jar.Open("org/apache/maven/model/pom-4.0.0.xml")
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	var project struct {
		URLs []string `xml:"repositories>repository>url"`
	}
	if err := xml.Unmarshal(text, &project); err != nil {
		return fmt.Errorf("%s: %w", found[0], err)
	}
	if len(project.URLs) == 0 {
		return fmt.Errorf("%s names no repository", found[0])
	}
	return os.WriteFile(path, fmt.Appendf(nil, "<settings><mirrors><mirror><id>one</id><mirrorOf>*</mirrorOf><url>%s</url></mirror></mirrors></settings>\n",
		project.URLs[0]), 0o666)
}
