// Package geo tells where an address is: country, region, city, location and
// autonomous system.
//
// A table of countries is built in (Embedded). It is generated from the
// iptoasn-country data of ip-location-db, which stands under the Public Domain
// Dedication and License; About tells its date. iptoasn derives the country
// from the registration of the network that announces an address: good for
// counting visitors, not for finding a person. The publisher says of this
// release that it contains errors and that it is the last one on npm; known are
// networks that are missing (130.225.0.0/16, Denmark) or stand under another
// country (2a02:6b8::/39). Where that matters, give a database of your own.
//
// Open reads any other database in the MaxMind DB format (an .mmdb file): those
// of MaxMind, IPinfo, DB-IP, ip-location-db, or one of the user's own making.
// The format: https://maxmind.github.io/MaxMind-DB/
package geo

import (
	_ "embed"
	"net/netip"
	"sync"
)

//go:generate go run generate.go

// Place is what a database knows of an address. What it does not know is empty.
type Place struct {
	Country     string  // ISO 3166-1 code in capitals; a name where the database has no code
	Region      string  // ISO 3166-2 code without the country, or a name
	City        string  // name, in English where the database has several
	Org         string  // organisation of the autonomous system
	Lat, Lon    float64 // degrees, WGS 84; meaningful if HasLocation
	HasLocation bool
	ASN         uint32 // number of the autonomous system; 0 = not known
}

// Finder finds the place of an address. An IPv4 address written as IPv6
// (::ffff:192.0.2.1) counts as IPv4, a zone is ignored. The result is false
// where nothing is known. Finders are safe for concurrent use.
type Finder interface {
	Find(addr netip.Addr) (Place, bool)
}

// Source tells where a table comes from.
type Source struct {
	Name    string // name and version of the data
	Licence string // SPDX identifier
	Date    string // day the data were made, as 2006-01-02
	Entries int    // ranges of addresses that have a country
}

//go:embed country.bin
var countries []byte

// embedded decodes on the first use, so that commands that look nothing up do
// not pay for it.
var embedded = sync.OnceValues(func() (*Table, error) { return Decode(countries) })

// Embedded returns the built-in table of countries. The first call decodes it,
// which takes a few milliseconds.
func Embedded() (*Table, error) { return embedded() }

// About tells where the built-in table comes from, without decoding it.
func About() Source {
	d := decoder{data: countries}
	return d.header()
}
