package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/oschwald/maxminddb-golang/v2"
)

func english(name string) map[string]any {
	return map[string]any{"names": map[string]any{"de": "de " + name, "en": name, "zh-CN": "zh " + name}}
}

func TestLayouts(t *testing.T) {
	berlin := english("Germany")
	berlin["iso_code"], berlin["is_in_european_union"], berlin["geoname_id"] = "DE", true, uint32(2921044)
	land := english("Land Berlin")
	land["iso_code"] = "BE"
	for _, test := range []struct {
		name   string
		record any
		want   Place
	}{
		{"GeoLite2 City", map[string]any{
			"city": english("Berlin"), "country": berlin, "continent": english("Europe"),
			"location":           map[string]any{"latitude": 52.52, "longitude": 13.4, "accuracy_radius": uint16(20)},
			"registered_country": map[string]any{"iso_code": "US"},
			"subdivisions":       []any{land, english("Mitte")},
		}, Place{Country: "DE", Region: "BE", City: "Berlin", Lat: 52.52, Lon: 13.4, HasLocation: true}},
		{"GeoLite2 ASN", map[string]any{
			"autonomous_system_number": uint32(15169), "autonomous_system_organization": "GOOGLE",
		}, Place{ASN: 15169, Org: "GOOGLE"}},
		{"GeoIP2 Enterprise", map[string]any{
			"country": berlin,
			"traits":  map[string]any{"autonomous_system_number": uint32(3320), "isp": "DTAG", "organization": "Telekom"},
		}, Place{Country: "DE", ASN: 3320, Org: "Telekom"}},
		{"DB-IP: a region without a code", map[string]any{
			"subdivisions": []any{english("Bavaria")}, "city": english("Munich"), "country": berlin,
		}, Place{Country: "DE", Region: "Bavaria", City: "Munich"}},
		{"names without English", map[string]any{
			"city": map[string]any{"names": map[string]any{"fr": "Munich"}},
		}, Place{City: "Munich"}},
		{"ip-location-db country", map[string]any{"country_code": "AU"}, Place{Country: "AU"}},
		{"ip-location-db city", map[string]any{
			"country_code": "AU", "state1": "Queensland", "state2": "", "city": "Brisbane", "postcode": "4000",
			"latitude": float32(-27.5), "longitude": float32(153), "timezone": "",
		}, Place{Country: "AU", Region: "Queensland", City: "Brisbane", Lat: -27.5, Lon: 153, HasLocation: true}},
		{"IPinfo country and ASN, older", map[string]any{
			"country": "US", "country_name": "United States", "asn": "AS15169", "as_name": "Google LLC", "as_domain": "google.com",
		}, Place{Country: "US", ASN: 15169, Org: "Google LLC"}},
		{"IPinfo Lite", map[string]any{
			"country": "United States", "country_code": "US", "continent": "North America", "asn": "AS15169", "as_name": "Google LLC",
		}, Place{Country: "US", ASN: 15169, Org: "Google LLC"}},
		{"IPinfo location", map[string]any{
			"city": "Boston", "region": "Massachusetts", "country": "US", "lat": "42.35", "lng": "-71.05",
		}, Place{Country: "US", Region: "Massachusetts", City: "Boston", Lat: 42.35, Lon: -71.05, HasLocation: true}},
		{"a country without a code", map[string]any{"country": english("Kosovo")}, Place{Country: "Kosovo"}},
		{"equator and meridian", map[string]any{"latitude": 0.0, "longitude": 0.0}, Place{HasLocation: true}},
		{"half a location", map[string]any{"latitude": 52.0, "country_code": "DE"}, Place{Country: "DE"}},
		{"no such latitude", map[string]any{"latitude": 152.0, "longitude": 1.0, "country_code": "DE"}, Place{Country: "DE"}},
		{"AS as a number in 64 bits", map[string]any{"asn": uint64(4200000000)}, Place{ASN: 4200000000}},
		{"no AS", map[string]any{"asn": "none", "org": "-", "country_code": "DE"}, Place{Country: "DE"}},
		{"nothing known", map[string]any{"user_type": "hosting"}, Place{}},
		{"no map", "DE", Place{}},
		{"an empty list", map[string]any{"subdivisions": []any{}, "country_code": "DE"}, Place{Country: "DE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := Open(writeMMDB(t, 6, map[string]any{"192.0.2.0/24": test.record, "2001:db8::/32": test.record}))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for _, addr := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::1%eth0"} {
				place, ok := d.Find(netip.MustParseAddr(addr))
				if place != test.want || ok != (test.want != Place{}) {
					t.Errorf("Find(%s) = %+v, %v, want %+v", addr, place, ok, test.want)
				}
			}
			for _, addr := range []string{"192.0.3.1", "2001:db9::1", "::1"} {
				if place, ok := d.Find(netip.MustParseAddr(addr)); ok {
					t.Errorf("Find(%s) = %+v", addr, place)
				}
			}
			if _, ok := d.Find(netip.Addr{}); ok {
				t.Error("the zero address was found")
			}
			if err := d.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIPv4Database(t *testing.T) {
	d, err := Open(writeMMDB(t, 4, map[string]any{"10.0.0.0/8": map[string]any{"country_code": "DE", "city": "Office"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := Place{Country: "DE", City: "Office"}
	for _, addr := range []string{"10.1.2.3", "::ffff:10.1.2.3"} {
		if place, ok := d.Find(netip.MustParseAddr(addr)); !ok || place != want {
			t.Errorf("Find(%s) = %+v, %v", addr, place, ok)
		}
	}
	if place, ok := d.Find(netip.MustParseAddr("2001:db8::1")); ok || d.Err() != nil {
		t.Errorf("an IPv6 address is at %+v, error %v", place, d.Err())
	}
}

func TestFields(t *testing.T) {
	city := map[string]any{"country_code": "DE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4}
	for name, test := range map[string]struct {
		records map[string]any
		want    string
	}{
		"country":              {map[string]any{"1.0.0.0/8": map[string]any{"country_code": "DE"}}, "country"},
		"asn":                  {map[string]any{"2001:db8::/32": map[string]any{"asn": "AS1", "org": "One"}}, "asn org"},
		"two kinds of records": {map[string]any{"1.0.0.0/8": map[string]any{"country_code": "DE"}, "200.0.0.0/8": city}, "country city lat lon"},
		"nothing":              {map[string]any{"1.0.0.0/8": map[string]any{"anonymous": true}}, ""},
		"every one": {map[string]any{"1.0.0.0/8": map[string]any{
			"country_code": "DE", "region": "BE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4,
			"autonomous_system_number": uint32(1), "autonomous_system_organization": "One",
		}}, "country region city lat lon asn org"},
	} {
		d, err := Open(writeMMDB(t, 6, test.records))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Fields(); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: Fields() = %q, want %q", name, got, test.want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	whole := makeMMDB(t, 6, map[string]any{"1.0.0.0/8": map[string]any{"country_code": "DE"}})
	for name, test := range map[string]struct{ content, hint string }{
		"empty.mmdb":     {"", "the file is empty: fetch it again"},
		"geo.tar.gz":     {"\x1f\x8b\x08 and so on", "unpack the file first and give the .mmdb in it"},
		"geo.zip":        {"PK\x03\x04 and so on", "unpack the file first and give the .mmdb in it"},
		"geo.csv":        {"1.0.0.0,1.0.0.255,AU\n", "this is a text: take the edition in the MaxMind DB format (.mmdb)"},
		"half.mmdb":      {string(whole[:len(whole)/2]), "fetch the file again, it may be cut short"},
		"short.mmdb":     {"\x00\x01\x02", "take a file in the MaxMind DB format (.mmdb)"},
		"no such folder": {"-", "give the path of an .mmdb file"},
		"folder":         {"/", "give the .mmdb file, not its folder"},
	} {
		path := filepath.Join(dir, name)
		var err error
		switch test.content {
		case "-":
		case "/":
			err = os.Mkdir(path, 0o700)
		default:
			err = os.WriteFile(path, []byte(test.content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(path)
		if err == nil || strings.Count(err.Error(), path) != 1 || fault.CodeOf(err) != fault.Usage || fault.HintOf(err) != test.hint {
			t.Errorf("Open(%s) = %v, code %d, hint %q", name, err, fault.CodeOf(err), fault.HintOf(err))
		}
	}
}

func TestBrokenRecordIsNotFoundAndTold(t *testing.T) {
	d, err := Open(writeMMDB(t, 6, map[string]any{
		"1.0.0.0/8": raw("\xe1\x4ccountry_code\x38\xff\xff\xff\xff"), // a pointer behind the end
		"2.0.0.0/8": map[string]any{"country_code": "DE"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if place, ok := d.Find(netip.MustParseAddr("1.2.3.4")); ok || d.Err() == nil || !strings.Contains(d.Err().Error(), "1.0.0.0/8") {
		t.Errorf("Find = %+v, %v, error %v", place, ok, d.Err())
	}
	if place, ok := d.Find(netip.MustParseAddr("2.2.3.4")); !ok || place.Country != "DE" {
		t.Errorf("Find = %+v, %v", place, ok)
	}
}

func TestRecordWithTooManyValuesIsRefused(t *testing.T) {
	big := make([]any, maxValues)
	for i := range big {
		big[i] = "x"
	}
	d, err := Open(writeMMDB(t, 6, map[string]any{"1.0.0.0/8": map[string]any{"country_code": "DE", "subdivisions": big}}))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if place, ok := d.Find(netip.MustParseAddr("1.2.3.4")); ok || d.Err() == nil || !strings.Contains(d.Err().Error(), "1.0.0.0/8") {
		t.Errorf("Find = %+v, %v, error %v", place, ok, d.Err())
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(appendMMDB(f, nil, map[string]any{"country_code": "DE", "asn": "AS1", "lat": "1", "lng": 2.0}))
	f.Add(appendMMDB(f, nil, map[string]any{"country": english("Germany"), "subdivisions": []any{english("Berlin")}}))
	f.Add([]byte("\xe1\x47country\xe1\x45names\x20\x00"))
	f.Fuzz(func(t *testing.T, record []byte) {
		db, err := maxminddb.OpenBytes(makeMMDB(t, 6, map[string]any{"1.0.0.0/8": raw(record)}))
		if err != nil {
			return
		}
		d := newDatabase("fuzz", db)
		place, ok := d.Find(netip.MustParseAddr("1.2.3.4"))
		if ok && d.Err() != nil || !ok && place != (Place{}) {
			t.Errorf("%+v, %v, error %v", place, ok, d.Err())
		}
		if place.HasLocation && (place.Lat < -90 || place.Lat > 90 || place.Lon < -180 || place.Lon > 180) {
			t.Errorf("location %v, %v", place.Lat, place.Lon)
		}
	})
}

func BenchmarkDatabase(b *testing.B) {
	country := english("Germany")
	country["iso_code"] = "DE"
	d, err := Open(writeMMDB(b, 6, map[string]any{"1.0.0.0/8": map[string]any{
		"city": english("Berlin"), "country": country, "subdivisions": []any{english("Berlin")},
		"location": map[string]any{"latitude": 52.5, "longitude": 13.4},
	}}))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	addr := netip.MustParseAddr("1.2.3.4")
	b.ReportAllocs()
	for b.Loop() {
		d.Find(addr)
	}
}
