package geo

import (
	"math"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"
)

// field is a field of a Place.
type field uint8

const (
	none field = iota
	fieldCountry
	fieldRegion
	fieldCity
	fieldLat
	fieldLon
	fieldASN
	fieldOrg
	fieldCount
)

// node says what the value at one place of a record means. Makers of databases
// name the same thing differently, and give a code here and a name there, in a
// map here and as a text there; one tree of nodes covers them all.
type node struct {
	field field            // what a text or number here gives
	rank  uint8            // of several values for a field the lowest rank is taken
	keys  map[string]*node // what a map here has under a key
	other *node            // what it has under any other key
	first *node            // the first element of a list here
}

func value(f field, rank uint8) *node { return &node{field: f, rank: rank} }

// names is a map from languages to names.
func names(f field, rank uint8) *node {
	return &node{keys: map[string]*node{"en": value(f, rank)}, other: value(f, rank+1)}
}

// system covers what describes the autonomous system, in whichever map.
func system(keys map[string]*node) map[string]*node {
	keys["autonomous_system_number"] = value(fieldASN, 0)
	keys["autonomous_system_organization"] = value(fieldOrg, 0)
	keys["organization"] = value(fieldOrg, 4)
	keys["isp"] = value(fieldOrg, 5)
	return keys
}

// layout is the tree of all layouts that are known: GeoLite2, GeoIP2 and DB-IP
// (maps with iso_code and names), ip-location-db (flat, country_code), IPinfo
// (flat, as_name and asn as "AS15169").
var layout = &node{keys: system(map[string]*node{
	"country": {field: fieldCountry, rank: 1, keys: map[string]*node{
		"iso_code": value(fieldCountry, 0),
		"names":    names(fieldCountry, 3),
	}},
	"country_code": value(fieldCountry, 0),
	"country_name": value(fieldCountry, 2),
	"subdivisions": {first: &node{keys: map[string]*node{
		"iso_code": value(fieldRegion, 0),
		"names":    names(fieldRegion, 3),
	}}},
	"region_code": value(fieldRegion, 0),
	"region":      value(fieldRegion, 1),
	"region_name": value(fieldRegion, 2),
	"state1":      value(fieldRegion, 2),
	"city":        {field: fieldCity, keys: map[string]*node{"names": names(fieldCity, 1)}},
	"city_name":   value(fieldCity, 1),
	"location": {keys: map[string]*node{
		"latitude":  value(fieldLat, 0),
		"longitude": value(fieldLon, 0),
	}},
	"latitude":  value(fieldLat, 1),
	"longitude": value(fieldLon, 1),
	"lat":       value(fieldLat, 2),
	"lng":       value(fieldLon, 2),
	"lon":       value(fieldLon, 2),
	"asn":       value(fieldASN, 1),
	"as_number": value(fieldASN, 2),
	"as_name":   value(fieldOrg, 1),
	"as_org":    value(fieldOrg, 2),
	"org":       value(fieldOrg, 3),
	"name":      value(fieldOrg, 6), // IPinfo's ASN file
	"traits":    {keys: system(map[string]*node{})},
})}

// What a single record may make of work and memory: a broken file must not be
// able to ask for more.
const (
	maxValues = 4096
	maxText   = 4096
)

// reading collects what one record says. It walks the record itself instead of
// describing it as a struct, because the same key holds a text in one maker's
// file and a map in another's.
type reading struct {
	place  Place
	rank   [fieldCount]uint8 // of the value taken, plus 1; 0 = none taken
	values int
}

// UnmarshalMaxMindDBCursor reads a whole record.
func (r *reading) UnmarshalMaxMindDBCursor(cursor mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	return r.read(cursor, layout)
}

func (r *reading) read(cursor mmdbdata.Cursor, n *node) (mmdbdata.Cursor, error) {
	if r.values++; r.values > maxValues {
		return mmdbdata.Cursor{}, mmdbdata.NewInvalidDatabaseError("a record has more than %d values", maxValues)
	}
	if n == nil {
		return cursor.Skip()
	}
	kind, err := cursor.Kind()
	if err != nil {
		return mmdbdata.Cursor{}, err
	}
	wanted := n.field != none && (r.rank[n.field] == 0 || n.rank < r.rank[n.field]-1)
	switch {
	case kind == mmdbdata.KindMap && (n.keys != nil || n.other != nil):
		return r.readMap(cursor, n)
	case kind == mmdbdata.KindSlice && n.first != nil:
		return r.readSlice(cursor, n)
	case kind == mmdbdata.KindString && wanted:
		text, next, err := cursor.ReadStringMaxSize(maxText)
		if err == nil && r.text(n.field, text) {
			r.rank[n.field] = n.rank + 1
		}
		return next, err
	case (kind == mmdbdata.KindFloat64 || kind == mmdbdata.KindFloat32) && wanted:
		number, next, err := cursor.ReadFloat()
		if err == nil && r.number(n.field, number) {
			r.rank[n.field] = n.rank + 1
		}
		return next, err
	case (kind == mmdbdata.KindUint16 || kind == mmdbdata.KindUint32 || kind == mmdbdata.KindUint64) && wanted:
		number, next, err := cursor.ReadUint()
		if err == nil && r.number(n.field, float64(number)) {
			r.rank[n.field] = n.rank + 1
		}
		return next, err
	}
	return cursor.Skip()
}

func (r *reading) readMap(cursor mmdbdata.Cursor, n *node) (mmdbdata.Cursor, error) {
	entries, err := cursor.Map()
	if err != nil {
		return mmdbdata.Cursor{}, err
	}
	var next mmdbdata.Cursor
	for {
		name, at, ok := entries.Next(next)
		if !ok {
			return entries.End()
		}
		child, known := n.keys[string(name)]
		if !known {
			child = n.other
		}
		if next, err = r.read(at, child); err != nil {
			return mmdbdata.Cursor{}, err
		}
	}
}

func (r *reading) readSlice(cursor mmdbdata.Cursor, n *node) (mmdbdata.Cursor, error) {
	elements, err := cursor.Slice()
	if err != nil {
		return mmdbdata.Cursor{}, err
	}
	var next mmdbdata.Cursor
	child := n.first
	for {
		_, at, ok := elements.Next(next)
		if !ok {
			return elements.End()
		}
		if next, err = r.read(at, child); err != nil {
			return mmdbdata.Cursor{}, err
		}
		child = nil
	}
}

// text takes a text for a field; false where it says nothing.
func (r *reading) text(f field, text string) bool {
	if text = strings.TrimSpace(text); text == "" || text == "-" {
		return false
	}
	switch f {
	case fieldCountry:
		r.place.Country = text
	case fieldRegion:
		r.place.Region = text
	case fieldCity:
		r.place.City = text
	case fieldOrg:
		r.place.Org = text
	case fieldASN:
		digits := strings.TrimPrefix(strings.ToUpper(text), "AS")
		number, err := strconv.ParseUint(digits, 10, 32)
		return err == nil && r.number(f, float64(number))
	default:
		number, err := strconv.ParseFloat(text, 64)
		return err == nil && r.number(f, number)
	}
	return true
}

// number takes a number for a field; false where it cannot be one of it.
func (r *reading) number(f field, number float64) bool {
	switch {
	case f == fieldLat && math.Abs(number) <= 90:
		r.place.Lat = number
	case f == fieldLon && math.Abs(number) <= 180:
		r.place.Lon = number
	case f == fieldASN && number > 0 && number <= math.MaxUint32:
		r.place.ASN = uint32(number)
	default:
		return false
	}
	return true
}

// result is the place that was read. A latitude without a longitude is no
// location.
func (r *reading) result() Place {
	r.place.HasLocation = r.rank[fieldLat] > 0 && r.rank[fieldLon] > 0
	if !r.place.HasLocation {
		r.place.Lat, r.place.Lon = 0, 0
	}
	return r.place
}
