package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/logpipe/logpipe/"

// layers lists the packages from the top down: a package imports only what
// stands below it. Those at the bottom are the ground for all.
var layers = []string{
	"cmd/logpipe",
	"pkg/logpipetest", // for tests alone
	"pkg/cli",
	"pkg/demo",
	"pkg/agent",
	"pkg/pipe",
	"pkg/catalog",
	"pkg/source", "pkg/channel", "pkg/sink",
	"pkg/sink/hdfs",
	"pkg/sink/serializer", "pkg/sink/counts", "pkg/sink/escape",
	"pkg/op",
	"pkg/kafka", "pkg/broker", "pkg/tail", "pkg/channel/file", "pkg/channel/jdbc",
	"pkg/stream",
	"pkg/expr", "pkg/window", "pkg/state", "pkg/format",
	"pkg/geo", "pkg/ua",
	"pkg/flumerpc", "pkg/flumelog", "pkg/keystore", "pkg/avrofile", "pkg/hadoopfile", "pkg/filesystem", "pkg/database",
	"pkg/flume",
	"pkg/gen",
	"pkg/record", "pkg/timestamp", "pkg/option", "pkg/fault", "pkg/memo", "pkg/folder", "pkg/snappy", "pkg/bzip2", "pkg/javaregex", "pkg/codec", "pkg/protofield",
}

// owners says which package imports a library of others. What comes from the Go
// project (golang.org/x) is free, and so is everything in tests.
var owners = map[string]string{
	"github.com/spf13/cobra":               "cmd/logpipe",
	"github.com/spf13/pflag":               "cmd/logpipe",
	"github.com/spf13/viper":               "pkg/cli",
	"go.yaml.in/yaml":                      "pkg/cli",
	"github.com/klauspost/compress":        "pkg/codec",
	"github.com/pierrec/lz4":               "pkg/codec",
	"github.com/IBM/sarama":                "pkg/kafka",
	"github.com/twmb/franz-go":             "pkg/broker",
	"github.com/oschwald/maxminddb-golang": "pkg/geo",
	"github.com/mssola/useragent":          "pkg/ua",
	"github.com/nxadm/tail":                "pkg/tail",
	"gopkg.in/tomb.v1":                     "pkg/tail",
	"github.com/fsnotify/fsnotify":         "pkg/tail",
	"github.com/axiomhq/hyperloglog":       "pkg/state",
	"github.com/rcrowley/go-metrics":       "pkg/kafka",
	"github.com/cespare/xxhash":            "pkg/state",

	"github.com/colinmarc/hdfs":               "pkg/filesystem",
	"github.com/dlclark/regexp2":              "pkg/javaregex",
	"github.com/dsnet/compress":               "pkg/bzip2",
	"github.com/pavlo-v-chernykh/keystore-go": "pkg/keystore",
	"software.sslmate.com/src/go-pkcs12":      "pkg/keystore",

	"github.com/go-sql-driver/mysql": "pkg/database",
	"github.com/jackc/pgx":           "pkg/database",
	"github.com/ncruces/go-sqlite3":  "pkg/database",
}

// goFile is one Go file of the repository.
type goFile struct {
	path   string // from the top, with slashes
	folder string
	test   bool
	lines  int
	ast    *ast.File
}

// goFiles reads all Go files, those of other systems too.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	for _, root := range []string{"cmd", "pkg"} {
		err := filepath.WalkDir(top(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if d.IsDir() || filepath.Ext(path) != ".go" {
				return nil
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if f.Name.Name == "main" && root == "pkg" {
				return nil // a generator, run by go generate
			}
			name, err := filepath.Rel(top(), path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			files = append(files, goFile{name, name[:strings.LastIndexByte(name, '/')],
				strings.HasSuffix(name, "_test.go"), strings.Count(string(b), "\n"), f})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func imports(f goFile) []string {
	var list []string
	for _, i := range f.ast.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

// TestImportDirections holds that imports point down the layers only.
func TestImportDirections(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test {
			continue // tests may stand on anything
		}
		at := slices.Index(layers, f.folder)
		if at < 0 {
			t.Errorf("%s: %s has no place in the layers", f.path, f.folder)
			continue
		}
		for _, path := range imports(f) {
			below, ours := strings.CutPrefix(path, module)
			if below == "pkg/logpipetest" {
				t.Errorf("%s imports %s, which is for tests", f.path, below)
			}
			if ours && slices.Index(layers, below) <= at {
				t.Errorf("%s imports %s, which stands above it", f.path, below)
			}
		}
	}
}

// TestOwners holds that each library of others has one package that knows it.
func TestOwners(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		for _, path := range imports(f) {
			first, _, _ := strings.Cut(path, "/")
			if !strings.Contains(first, ".") || first == "golang.org" || strings.HasPrefix(path, module) {
				continue
			}
			owner := ""
			for library, of := range owners {
				if path == library || strings.HasPrefix(path, library+"/") {
					owner = of
				}
			}
			if owner != f.folder {
				t.Errorf("%s imports %s, whose owner is %q", f.path, path, owner)
			}
		}
	}
}

// TestPackageComments holds that every package says what it is.
func TestPackageComments(t *testing.T) {
	documented := make(map[string]bool)
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		documented[f.folder] = documented[f.folder] || f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40
		for _, bad := range []string{"util", "common", "shared", "helper", "misc"} {
			if strings.Contains(f.ast.Name.Name, bad) {
				t.Errorf("%s: package %s does not say what it is", f.path, f.ast.Name.Name)
			}
		}
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

// TestTopLevel holds the fixed list of what stands at the top.
func TestTopLevel(t *testing.T) {
	fixed := []string{"cmd", "pkg", "completions", "man", "testdata", "go.mod", "go.sum", ".goreleaser.yaml", "README.md",
		".ci", ".git", ".gitignore", "LICENSE"}
	made := []string{"dist", "logpipe"} // .gitignore names them
	entries, err := os.ReadDir(top())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(fixed, e.Name()) && !slices.Contains(made, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

// TestFileLength holds that no file grows beyond what one reads in one go.
func TestFileLength(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.lines > 700 {
			t.Errorf("%s has %d lines", f.path, f.lines)
		}
	}
}

// TestReleaseVariables holds that the linker sets variables that there are: it
// is silent about others.
func TestReleaseVariables(t *testing.T) {
	b, err := os.ReadFile(top(".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, m := range regexp.MustCompile(`-X main\.(\w+)=`).FindAllSubmatch(b, -1) {
		set = append(set, string(m[1]))
	}
	f, err := parser.ParseFile(token.NewFileSet(), "version.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					there = append(there, name.Name)
				}
			}
		}
	}
	if !slices.Equal(set, there) {
		t.Errorf("the linker sets %v, version.go has %v", set, there)
	}
}
