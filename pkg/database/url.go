package database

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// URL is what a URL of Java's JDBC says.
type URL struct {
	Config
	// Derby is the folder of the Derby database that the URL names, whose place
	// an SQLite file takes; "" = it names another kind.
	Derby string
	// Ignored are the parameters that mean nothing to logpipe, sorted.
	Ignored []string
}

// Drivers are the classes of Java's drivers whose databases logpipe knows.
func Drivers() map[string]Kind {
	return map[string]Kind{
		"org.apache.derby.jdbc.EmbeddedDriver":        SQLite,
		"org.apache.derby.jdbc.AutoloadedDriver":      SQLite,
		"org.apache.derby.iapi.jdbc.AutoloadedDriver": SQLite,
		"org.sqlite.JDBC":                             SQLite,
		"org.postgresql.Driver":                       PostgreSQL,
		"com.mysql.jdbc.Driver":                       MySQL,
		"com.mysql.cj.jdbc.Driver":                    MySQL,
		"org.mariadb.jdbc.Driver":                     MySQL,
	}
}

const known = "jdbc:postgresql://host:5432/database, jdbc:mysql://host:3306/database, jdbc:mariadb://… and jdbc:sqlite:/path/file"

// ParseURL reads a URL as the drivers of Java do: jdbc:postgresql:, jdbc:mysql:,
// jdbc:mariadb:, jdbc:sqlite:, and jdbc:derby: of an embedded database, for which
// the file is the folder's name with .sqlite. more are settings of the same names
// as the URL's parameters, which come second. Nothing is opened.
func ParseURL(text string, more map[string]string) (URL, error) {
	rest, isJDBC := strings.CutPrefix(text, "jdbc:")
	scheme, rest, found := strings.Cut(rest, ":")
	switch {
	case !found:
		return URL{}, fault.Hint(fmt.Errorf("%q is no URL of a database", text), "write one as %s", known)
	case !isJDBC && scheme == "postgres":
		return URL{}, fault.Hint(fmt.Errorf("the URL does not begin with jdbc:"), "write jdbc:postgresql:…")
	case !isJDBC:
		return URL{}, fault.Hint(fmt.Errorf("the URL does not begin with jdbc:"), "write jdbc:%s:…", scheme)
	}
	switch strings.ToLower(scheme) {
	case "sqlite":
		return parseSQLite(rest)
	case "derby":
		return parseDerby(rest)
	case "postgresql":
		return parseServer(PostgreSQL, "5432", rest, more)
	case "mysql", "mariadb":
		return parseServer(MySQL, "3306", rest, more)
	}
	return URL{}, fault.Hint(fmt.Errorf("logpipe has no driver for %s", scheme), "use one of %s", known)
}

func parseSQLite(rest string) (URL, error) {
	path, query, _ := strings.Cut(rest, "?")
	path = strings.TrimPrefix(path, "file:")
	if path == "" || strings.HasPrefix(path, ":") {
		return URL{}, fault.Hint(fmt.Errorf("a database in memory is gone with the process"), "name a file, as jdbc:sqlite:/path/file")
	}
	u := URL{Config: Config{Kind: SQLite, Path: path}}
	for _, pair := range pairs(query, "&") {
		u.Ignored = append(u.Ignored, pair[0])
	}
	slices.Sort(u.Ignored)
	return u, nil
}

func parseDerby(rest string) (URL, error) {
	path, attributes, _ := strings.Cut(rest, ";")
	sub, name, found := strings.Cut(path, ":")
	switch {
	case strings.HasPrefix(path, "//"):
		return URL{}, fault.Hint(fmt.Errorf("logpipe has no driver for the network server of Derby"), "use one of %s", known)
	case found && sub == "directory":
		path = name
	case found && len(sub) > 1: // memory, classpath, jar; one letter is a drive
		return URL{}, fault.Hint(fmt.Errorf("a Derby database in %s has nothing that lasts", sub), "name a file, as jdbc:sqlite:/path/file")
	}
	path = strings.TrimRight(path, `/\`)
	if path == "" {
		return URL{}, fault.Hint(fmt.Errorf("the URL names no database"), "name a file, as jdbc:sqlite:/path/file")
	}
	u := URL{Config: Config{Kind: SQLite, Path: path + ".sqlite"}, Derby: path}
	for _, pair := range pairs(attributes, ";") {
		if pair[0] != "create" {
			u.Ignored = append(u.Ignored, pair[0])
		}
	}
	slices.Sort(u.Ignored)
	return u, nil
}

// pairs are the parameters of a URL, decoded.
func pairs(text, separator string) [][2]string {
	var all [][2]string
	for part := range strings.SplitSeq(text, separator) {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		all = append(all, [2]string{unescape(key), unescape(value)})
	}
	return all
}

// unescape undoes %41; what is no escape stays as it is.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func parseServer(kind Kind, port, rest string, more map[string]string) (URL, error) {
	rest, query, _ := strings.Cut(rest, "?")
	u := URL{Config: Config{Kind: kind}}
	authority, database := "", strings.TrimPrefix(rest, "/")
	if after, found := strings.CutPrefix(rest, "//"); found {
		authority, database, _ = strings.Cut(after, "/")
	}
	if strings.ContainsAny(authority, "()") {
		return URL{}, fault.Hint(fmt.Errorf("the URL lists hosts as address=(…), which logpipe does not read"), "write host:port,host:port")
	}
	// user:password@host is of Connector/J.
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		u.User, u.Password, authority = unescape(user), unescape(password), authority[at+1:]
	}
	for host := range strings.SplitSeq(authority, ",") {
		address, err := hostPort(host, port)
		if err != nil {
			return URL{}, err
		}
		u.Addresses = append(u.Addresses, address)
	}
	u.Database = unescape(database)
	all := maps.Clone(more)
	if all == nil {
		all = map[string]string{}
	}
	for _, pair := range pairs(query, "&") {
		all[pair[0]] = pair[1]
	}
	if err := u.parameters(all); err != nil {
		return URL{}, err
	}
	if u.Database == "" && kind == PostgreSQL {
		u.Database = u.User
	}
	if u.Database == "" {
		return URL{}, fault.Hint(fmt.Errorf("the URL names no database"), "write it behind the host, as %s", known)
	}
	return u, nil
}

// hostPort reads host, host:port or [host]:port; no host is this machine.
func hostPort(text, port string) (string, error) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if strings.Count(text, ":") == 1 {
		return "", fmt.Errorf("%q is no host with a port", text)
	}
	host = strings.Trim(host, "[]")
	if host == "" {
		host = "localhost"
	}
	var n int
	if _, err := fmt.Sscanf(port+" ", "%d ", &n); err != nil || n < 1 || n > 65535 || fmt.Sprint(n) != port {
		return "", fmt.Errorf("%q is no port", port)
	}
	return net.JoinHostPort(host, port), nil
}

// parameters reads those that matter here.
func (u *URL) parameters(all map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		switch strings.ToLower(key) {
		case "user":
			u.User = value
		case "password":
			u.Password = value
		case "currentschema":
			u.Schema = value
		case "sslrootcert", "serversslcert":
			u.CA = value
		case "sslmode", "ssl", "usessl", "requiressl", "verifyservercertificate":
		default:
			u.Ignored = append(u.Ignored, key)
		}
	}
	return u.security(all)
}

// modes are the words of sslmode and sslMode in all drivers, lower-case.
func modes() map[string]Security {
	return map[string]Security{
		"disable": Plain, "disabled": Plain,
		"allow": Prefer, "prefer": Prefer, "preferred": Prefer,
		"require": Encrypted, "required": Encrypted, "trust": Encrypted,
		"verify-ca": VerifyCA, "verify_ca": VerifyCA,
		"verify-full": Verified, "verify_identity": Verified,
	}
}

// security reads what the drivers' parameters ask of TLS.
func (u *URL) security(all map[string]string) error {
	lower := map[string]string{}
	for key, value := range all {
		lower[strings.ToLower(key)] = strings.ToLower(value)
	}
	on := func(key string) bool { return lower[key] == "true" }
	if mode, found := lower["sslmode"]; found {
		s, known := modes()[mode]
		if !known {
			return fmt.Errorf("sslmode %q: want one of disable, prefer, require, verify-ca, verify-full", mode)
		}
		u.TLS = s
		return nil
	}
	switch _, asked := lower["ssl"]; {
	case lower["usessl"] == "false" || lower["ssl"] == "false":
		u.TLS = Plain
	case on("verifyservercertificate"):
		u.TLS = VerifyCA
	case on("requiressl"):
		u.TLS = Encrypted
	case asked && lower["ssl"] != "false": // in PostgreSQL's driver also without a value
		u.TLS = Verified
	}
	return nil
}

func join(addresses []string) string { return strings.Join(addresses, ", ") }
