package geo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/oschwald/maxminddb-golang/v2"
)

// Database is an opened .mmdb file. Private addresses are found in it if its
// maker put them there, as companies do for their own networks.
type Database struct {
	path   string
	db     *maxminddb.Reader
	broken atomic.Pointer[error]
	fields func() []string
}

// Open opens an .mmdb file. The file stays mapped into memory until Close: a
// newer one may be moved into its place, but it must not be written over. Errors
// name the file and count as wrong usage.
func Open(path string) (*Database, error) {
	db, err := maxminddb.Open(path)
	if err != nil {
		var wrong *os.PathError
		if !errors.As(err, &wrong) { // those name the file themselves
			err = fmt.Errorf("open %s: %w", path, err)
		}
		return nil, fault.With(fault.Usage, fault.Hint(fmt.Errorf("geo database: %w", err), "%s", hint(path)))
	}
	return newDatabase(path, db), nil
}

func newDatabase(path string, db *maxminddb.Reader) *Database {
	d := &Database{path: path, db: db}
	d.fields = sync.OnceValue(d.sample)
	return d
}

// hint says what to do about a file that is no database, by its first bytes.
func hint(path string) string {
	start := make([]byte, 512)
	f, err := os.Open(path)
	if err != nil {
		return "give the path of an .mmdb file"
	}
	defer f.Close()
	n, err := io.ReadFull(f, start)
	start = start[:n]
	switch {
	case n == 0:
		if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
			return "give the .mmdb file, not its folder"
		}
		return "the file is empty: fetch it again"
	case bytes.HasPrefix(start, []byte("\x1f\x8b")), bytes.HasPrefix(start, []byte("PK")):
		return "unpack the file first and give the .mmdb in it"
	case bytes.IndexByte(start, 0) < 0:
		return "this is a text: take the edition in the MaxMind DB format (.mmdb)"
	case err == nil:
		return "fetch the file again, it may be cut short"
	}
	return "take a file in the MaxMind DB format (.mmdb)"
}

// Close gives the mapped file back. No Find may be under way.
func (d *Database) Close() error { return d.db.Close() }

// Find returns what the file says of addr. A record that cannot be read counts
// as not found; Err tells of it.
func (d *Database) Find(addr netip.Addr) (Place, bool) {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() || addr.Is6() && d.db.Metadata.IPVersion == 4 {
		return Place{}, false
	}
	return d.place(d.db.Lookup(addr))
}

func (d *Database) place(result maxminddb.Result) (Place, bool) {
	var r reading
	if err := result.Decode(&r); err != nil {
		err = fmt.Errorf("geo database %s, network %s: %w", d.path, result.Prefix(), err)
		d.broken.CompareAndSwap(nil, &err)
		return Place{}, false
	}
	place := r.result()
	return place, place != Place{}
}

// Err is the first error that a Find met, or nil.
func (d *Database) Err() error {
	if err := d.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Fields are the names of the fields that the file can give, out of country,
// region, city, lat, lon, asn and org, in this order. They are taken from a few
// thousand records, spread over the addresses that the file knows.
func (d *Database) Fields() []string { return d.fields() }

const samples = 4096

func (d *Database) sample() []string {
	var s seen
	next := 0
	for result := range d.db.Networks() {
		if next++; next > samples {
			break
		}
		s.add(d.place(result))
	}
	// The first networks may be of one kind; look at all corners of the space.
	for i := range uint32(samples) {
		high := binary.BigEndian.AppendUint32(nil, i*(1<<32/samples))
		s.add(d.Find(netip.AddrFrom4([4]byte(high))))
		wide := [16]byte{0x20}
		binary.BigEndian.PutUint16(wide[:], uint16(0x2000+i*(0x2000/samples)))
		s.add(d.Find(netip.AddrFrom16(wide)))
	}
	return s.names()
}

// seen notes which fields had a value in any place.
type seen struct{ country, region, city, location, asn, org bool }

func (s *seen) add(p Place, ok bool) {
	if !ok {
		return
	}
	s.country = s.country || p.Country != ""
	s.region = s.region || p.Region != ""
	s.city = s.city || p.City != ""
	s.location = s.location || p.HasLocation
	s.asn = s.asn || p.ASN != 0
	s.org = s.org || p.Org != ""
}

func (s *seen) names() []string {
	var names []string
	for _, f := range []struct {
		name string
		seen bool
	}{
		{"country", s.country}, {"region", s.region}, {"city", s.city},
		{"lat", s.location}, {"lon", s.location}, {"asn", s.asn}, {"org", s.org},
	} {
		if f.seen {
			names = append(names, f.name)
		}
	}
	return names
}
