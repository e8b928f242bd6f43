package geo

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
)

func encode(t testing.TB, networks ...Network) []byte {
	t.Helper()
	var out bytes.Buffer
	source := Source{Name: "test", Licence: "CC0-1.0", Date: "2026-01-02"}
	if err := Encode(&out, source, networks); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func network(prefix, country string) Network {
	return Network{netip.MustParsePrefix(prefix), country}
}

// country is what a finder says of an address, "" where it is not found.
func country(t testing.TB, f Finder, addr string) string {
	t.Helper()
	place, ok := f.Find(netip.MustParseAddr(addr))
	if ok != (place.Country != "") {
		t.Errorf("Find(%s) = %+v, %v", addr, place, ok)
	}
	return place.Country
}

func TestEmbeddedKnowsWellKnownAddresses(t *testing.T) {
	table, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"8.8.8.8":                "US",
		"::ffff:8.8.8.8":         "US",
		"2001:4860:4860::8888":   "US",
		"2001:4860:4860::8888%1": "US",
		"193.0.6.139":            "NL", // RIPE NCC
		"2001:67c:2e8:22::c100":  "NL",
		"83.149.9.216":           "RU", // first line of the sample access log
		"202.12.29.175":          "AU", // APNIC
		"200.160.2.3":            "BR", // registro.br
		"0.0.0.0":                "",
		"10.1.2.3":               "",
		"127.0.0.1":              "",
		"169.254.1.1":            "",
		"172.16.0.1":             "",
		"192.168.0.1":            "",
		"100.64.0.1":             "",
		"224.0.0.1":              "",
		"255.255.255.255":        "",
		"::":                     "",
		"::1":                    "",
		"fe80::1%eth0":           "",
		"fd00::1":                "",
		"ff02::1":                "",
		"ffff:ffff:ffff:ffff::1": "",
	} {
		if got := country(t, table, addr); got != want {
			t.Errorf("country of %s = %q, want %q", addr, got, want)
		}
	}
	if place, ok := table.Find(netip.Addr{}); ok {
		t.Errorf("the zero address is at %+v", place)
	}
}

func TestAbout(t *testing.T) {
	about := About()
	if about.Name == "" || about.Licence != "PDDL-1.0" || len(about.Date) != len("2006-01-02") || about.Entries < 200_000 {
		t.Errorf("About() = %+v", about)
	}
	table, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if table.Source() != about {
		t.Errorf("the table says %+v, About %+v", table.Source(), about)
	}
}

func TestTableBorders(t *testing.T) {
	data := encode(t,
		network("255.255.255.0/24", "ZZ"),
		network("0.0.0.0/24", "AA"),
		network("1.2.3.0/25", "BB"), network("1.2.3.128/25", "BB"), network("1.2.4.0/32", "CC"),
		network("2001:db8::/32", "DD"), network("2001:db9::/64", "EE"),
		network("::/64", "AA"), network("ffff:ffff:ffff:ffff::/64", "ZZ"),
	)
	table, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Source(); got != (Source{"test", "CC0-1.0", "2026-01-02", 8}) {
		t.Errorf("Source() = %+v", got)
	}
	for addr, want := range map[string]string{
		"0.0.0.0": "AA", "0.0.0.255": "AA", "0.0.1.0": "",
		"1.2.2.255": "", "1.2.3.0": "BB", "1.2.3.127": "BB", "1.2.3.255": "BB", "1.2.4.0": "CC", "1.2.4.1": "",
		"255.255.254.255": "", "255.255.255.0": "ZZ", "255.255.255.255": "ZZ",
		"::": "AA", "::ffff:ffff:ffff:ffff": "AA", "0:0:0:1::": "",
		"2001:db7:ffff::": "", "2001:db8::": "DD", "2001:db8:ffff:ffff::1": "DD",
		"2001:db9::1": "EE", "2001:db9:0:1::": "", "ffff:ffff:ffff:ffff::1": "ZZ",
	} {
		if got := country(t, table, addr); got != want {
			t.Errorf("country of %s = %q, want %q", addr, got, want)
		}
	}
}

func TestEmptyTableFindsNothing(t *testing.T) {
	table, err := Decode(encode(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0", "255.255.255.255", "::", "ffff::"} {
		if got := country(t, table, addr); got != "" {
			t.Errorf("country of %s = %q", addr, got)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, networks := range map[string][]Network{
		"a name for a country": {network("1.0.0.0/8", "Germany")},
		"small letters":        {network("1.0.0.0/8", "de")},
		"an overlap":           {network("1.0.0.0/8", "DE"), network("1.2.0.0/16", "FR")},
		"the same twice":       {network("ffff:ffff:ffff:ffff::/64", "DE"), network("ffff:ffff:ffff:ffff::/64", "DE")},
		"less than a /64":      {network("2001:db8::/65", "DE")},
		"everything":           {network("::/0", "DE")},
		"mapped":               {network("::ffff:1.2.3.0/120", "DE")},
		"bits of a host":       {network("1.2.3.4/8", "DE")},
		"no prefix":            {{netip.Prefix{}, "DE"}},
	} {
		if err := Encode(&bytes.Buffer{}, Source{}, networks); err == nil {
			t.Errorf("Encode took %s: %v", name, networks)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode(t, network("1.0.0.0/8", "DE"), network("2001:db8::/32", "FR"))
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Errorf("Decode took the first %d of %d bytes", n, len(good))
		}
	}
	if _, err := Decode(append(bytes.Clone(good), 0)); err == nil {
		t.Error("Decode took a byte too many")
	}
	// A length of 2^63 units: shifted into bytes it would wrap to a small one.
	huge := binary.AppendUvarint([]byte(magic+"\x00\x00\x00\x00\x00\x01"), 1<<63)
	if _, err := Decode(append(huge, 0, 0)); err == nil {
		t.Error("Decode took a range that is longer than the space")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f))
	f.Add(encode(f, network("1.0.0.0/8", "DE"), network("255.0.0.0/8", "FR"), network("2001:db8::/32", "FR")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Decode(data)
		if err != nil {
			return
		}
		for _, addr := range []string{"0.0.0.0", "1.2.3.4", "128.0.0.0", "255.255.255.255", "::", "2001:db8::1", "ffff:ffff:ffff:ffff::"} {
			table.Find(netip.MustParseAddr(addr))
		}
	})
}

// TestEmbeddedAgreesWithItsOrigin compares the built-in table with the file it
// was made from: at the borders of every network and at random addresses.
func TestEmbeddedAgreesWithItsOrigin(t *testing.T) {
	path := os.Getenv("LOGPIPE_GEO_MMDB")
	if cache, err := os.UserCacheDir(); path == "" && err == nil {
		path = filepath.Join(cache, "logpipe", "iptoasn-country.mmdb")
	}
	db, err := maxminddb.Open(path)
	if err != nil {
		t.Skipf("set LOGPIPE_GEO_MMDB to the iptoasn-country.mmdb that the table was made from: %v", err)
	}
	defer db.Close()
	if made := db.Metadata.BuildTime().UTC().Format("2006-01-02"); made != About().Date {
		t.Skipf("%s is of %s, the table of %s", path, made, About().Date)
	}
	table, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	compared, found, differ := 0, 0, 0
	compare := func(addr netip.Addr) {
		var record struct {
			Code string `maxminddb:"country_code"`
		}
		if err := db.Lookup(addr).Decode(&record); err != nil {
			t.Fatal(err)
		}
		place, ok := table.Find(addr)
		compared++
		if ok {
			found++
		}
		if place.Country != record.Code {
			if differ++; differ <= 10 {
				t.Errorf("country of %s = %q, in %s %q", addr, place.Country, path, record.Code)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		compare(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, random.Uint32()))))
		high := 0x2000<<48 | random.Uint64()>>3 // 2000::/3 is what is given out of IPv6
		compare(netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, high), random.Uint64()))))
	}
	for result := range db.Networks() {
		first := result.Prefix().Addr()
		compare(first)
		if before := first.Prev(); before.IsValid() {
			compare(before)
		}
	}
	t.Logf("%d addresses compared, %d of them with a country, %d differ", compared, found, differ)
}

func BenchmarkDecode(b *testing.B) {
	b.SetBytes(int64(len(countries)))
	for b.Loop() {
		if _, err := Decode(countries); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	table, err := Embedded()
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	v4, v6 := make([]netip.Addr, 1<<12), make([]netip.Addr, 1<<12)
	for i := range v4 {
		v4[i] = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, random.Uint32())))
		high := table.v6.starts[random.IntN(len(table.v6.starts))]
		v6[i] = netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, high), 1)))
	}
	for name, addrs := range map[string][]netip.Addr{"IPv4": v4, "IPv6": v6} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				table.Find(addrs[i%len(addrs)])
			}
		})
	}
}
