package keystore

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// limits are the protocols and cipher suites that both ends can name.
type limits struct {
	includeProtocols, excludeProtocols string
	includeSuites, excludeSuites       string
}

func (l *limits) describe(p *flume.Properties) {
	p.String(&l.excludeProtocols, "exclude-protocols", global(p, "flume.ssl.exclude.protocols", "FLUME_SSL_EXCLUDE_PROTOCOLS", "SSLv3"),
		"TLS versions that are refused, with blanks between them")
	p.String(&l.includeProtocols, "include-protocols", global(p, "flume.ssl.include.protocols", "FLUME_SSL_INCLUDE_PROTOCOLS", ""),
		"TLS versions that are accepted, such as TLSv1.2 TLSv1.3; none = the usual ones")
	p.String(&l.excludeSuites, "exclude-cipher-suites", global(p, "flume.ssl.exclude.cipherSuites", "FLUME_SSL_EXCLUDE_CIPHERSUITES", ""),
		"cipher suites that are refused, with blanks between them")
	p.String(&l.includeSuites, "include-cipher-suites", global(p, "flume.ssl.include.cipherSuites", "FLUME_SSL_INCLUDE_CIPHERSUITES", ""),
		"cipher suites that are accepted; none = the usual ones")
}

// global is a setting for all components: a Java system property, or else a
// variable of the environment.
func global(p *flume.Properties, property, variable, def string) string {
	if value := p.System[property]; value != "" {
		return value
	}
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return def
}

// words cuts a list at blanks and commas: Flume's guide shows both.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
}

// versions are the names that Java gives the protocols, the oldest first. SSL is
// long broken and never spoken; to exclude it is no mistake.
var versions = []struct {
	name    string
	version uint16
	usual   bool // without include-protocols
}{
	{"SSLv2Hello", 0, false}, {"SSLv3", 0, false},
	{"TLSv1", tls.VersionTLS10, false}, {"TLSv1.1", tls.VersionTLS11, false},
	{"TLSv1.2", tls.VersionTLS12, true}, {"TLSv1.3", tls.VersionTLS13, true},
}

// protocols returns the versions that are left, in rising order.
func (l *limits) protocols() []uint16 {
	include, exclude := words(l.includeProtocols), words(l.excludeProtocols)
	var left []uint16
	for _, v := range versions {
		in := v.usual
		if len(include) > 0 {
			in = slices.Contains(include, v.name)
		}
		if in && v.version != 0 && !slices.Contains(exclude, v.name) {
			left = append(left, v.version)
		}
	}
	return left
}

// suites returns the cipher suites that are left.
func (l *limits) suites() []uint16 {
	include, exclude := words(l.includeSuites), words(l.excludeSuites)
	all := tls.CipherSuites()
	if len(include) > 0 { // who names an old one wants it
		all = append(all, tls.InsecureCipherSuites()...)
	}
	var left []uint16
	for _, s := range all {
		if (len(include) == 0 || slices.Contains(include, s.Name)) && !slices.Contains(exclude, s.Name) {
			left = append(left, s.ID)
		}
	}
	return left
}

// check finds names that mean nothing, and lists that leave nothing.
func (l *limits) check() []flume.Problem {
	var known []string
	for _, v := range versions {
		known = append(known, v.name)
	}
	var all []flume.Problem
	for property, text := range map[string]string{"include-protocols": l.includeProtocols, "exclude-protocols": l.excludeProtocols} {
		for _, word := range words(text) {
			if !slices.Contains(known, word) {
				all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf("there is no protocol %q", word),
					Fix: "write some of " + strings.Join(known[2:], ", ")})
			}
		}
	}
	if len(l.protocols()) == 0 {
		property := "exclude-protocols"
		if l.includeProtocols != "" {
			property = "include-protocols"
		}
		all = append(all, flume.Problem{Property: property, Message: "no protocol is left", Fix: "allow TLSv1.2 and TLSv1.3"})
	}
	if len(l.suites()) == 0 {
		property := "exclude-cipher-suites"
		if l.includeSuites != "" {
			property = "include-cipher-suites"
		}
		all = append(all, flume.Problem{Property: property, Message: "no cipher suite is left that is known here",
			Fix: "write names such as TLS_AES_128_GCM_SHA256"})
	}
	slices.SortFunc(all, func(a, b flume.Problem) int { return strings.Compare(a.Property+a.Message, b.Property+b.Message) })
	return all
}

// apply sets the limits. What a configuration cannot express (a gap in the
// versions, a choice among the suites of TLS 1.3) ends the handshake.
func (l *limits) apply(c *tls.Config) {
	protocols, suites := l.protocols(), l.suites()
	if len(protocols) > 0 {
		c.MinVersion, c.MaxVersion = protocols[0], protocols[len(protocols)-1]
	}
	if l.includeSuites != "" || l.excludeSuites != "" {
		c.CipherSuites = suites
		modern := slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
			return slices.Contains(suites, s.ID) && slices.Contains(s.SupportedVersions, tls.VersionTLS13)
		})
		if !modern && c.MinVersion < tls.VersionTLS13 {
			c.MaxVersion = min(c.MaxVersion, tls.VersionTLS12)
		}
	}
	also := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if !slices.Contains(protocols, s.Version) {
			return fmt.Errorf("%s is excluded", tls.VersionName(s.Version))
		}
		if !slices.Contains(suites, s.CipherSuite) && (l.includeSuites != "" || l.excludeSuites != "") {
			return fmt.Errorf("cipher suite %s is excluded", tls.CipherSuiteName(s.CipherSuite))
		}
		if also != nil {
			return also(s)
		}
		return nil
	}
}

// storeType describes the type of a store, which its first bytes tell.
func storeType(p *flume.Properties, name, property, variable string) {
	var unused string
	p.Choice(&unused, name, global(p, property, variable, "JKS"), []string{"JKS", "PKCS12"}, "JKS or PKCS12").
		Without("the file tells its type")
}
