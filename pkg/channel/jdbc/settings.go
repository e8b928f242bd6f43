package jdbc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/database"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
)

// settings are the properties.
type settings struct {
	dbType         string
	driver         string
	url            string
	user, password string
	properties     string // file of properties of the connection
	createSchema   bool
	isolation      string
	maxConnections int
	capacity       int // 0 = no limit
	system, former map[string]string

	typeGiven, driverGiven func() bool
	ignored                bool
}

// long is what the names began with before Flume 1.2.
const long = "org.apache.flume.channel.jdbc."

// derby is what Flume embeds.
const derby = "DERBY"

func (s *settings) describe(p *flume.Properties) {
	kind := p.Choice(&s.dbType, "db.type", derby, []string{derby, "SQLITE", "POSTGRESQL", "MYSQL", "ORACLE", "OTHER"},
		"kind of the database, as driver.url has it; DERBY is an SQLite file here").Formerly(long + "db.type")
	driver := p.String(&s.driver, "driver.class", "org.apache.derby.jdbc.EmbeddedDriver",
		"Java's driver of the database, which must be one of the kind of driver.url").Formerly(long + "driver.class")
	p.String(&s.url, "driver.url", "", "jdbc:postgresql://host:5432/db, jdbc:mysql://host:3306/db, jdbc:mariadb://…, jdbc:sqlite:/path/file; "+
		"empty: the SQLite file ~/.flume/jdbc-channel/CHANNEL.sqlite").Formerly(long + "driver.url")
	p.String(&s.user, "db.username", "", "user of a server (sa is that of Flume's Derby)").Formerly(long + "db.username")
	p.String(&s.password, "db.password", "", "password of the user").Formerly(long + "db.password")
	p.String(&s.properties, "connection.properties.file", "", "file of Java properties of the connection, such as user and password; "+
		"those of the URL and of db.username come first").Formerly(long + "connection.properties.file")
	p.Bool(&s.createSchema, "create.schema", true, "make the tables where they are missing").Formerly(long + "create.schema")
	p.Bool(&s.ignored, "create.index", true, "make an index").Formerly(long + "create.index").
		Without("the only index is the primary key, by which every take reads")
	p.Bool(&s.ignored, "create.foreignkey", true, "bind the tables to each other").Formerly(long + "create.foreignkey").
		Without("an event is one row of one table")
	p.Choice(&s.isolation, "transaction.isolation", "READ_COMMITTED",
		[]string{"READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"},
		"isolation of transactions in a server; SQLite is always serializable").Formerly(long + "transaction.isolation")
	p.Int(&s.maxConnections, "maximum.connections", 10, 1, "most connections to a server; two are used").Formerly(long + "maximum.connections")
	p.Int(&s.capacity, "maximum.capacity", 0, 0, "most events inside; 0 = no limit").Formerly(long + "maximum.capacity").In("events")
	p.Family(&s.system, "sysprop.", "system properties of Java, of which user.home counts: the folder above .flume")
	p.Family(&s.former, long+"sysprop.", "the same")
	s.typeGiven, s.driverGiven = kind.IsSet, driver.IsSet
}

// parse reads driver.url; embedded tells that there is none.
func (s *settings) parse(more map[string]string) (u database.URL, embedded bool, err error) {
	if strings.TrimSpace(s.url) == "" {
		return database.URL{Config: database.Config{Kind: database.SQLite}}, true, nil
	}
	u, err = database.ParseURL(strings.TrimSpace(s.url), more)
	if s.user != "" {
		u.User = s.user
	}
	if s.password != "" {
		u.Password = s.password
	}
	u.Isolation = strings.ReplaceAll(s.isolation, "_", " ")
	return u, false, err
}

// kindOf is the kind of database that a word of db.type names; "" = any.
func kindOf(dbType string) database.Kind {
	switch dbType {
	case derby, "SQLITE":
		return database.SQLite
	case "POSTGRESQL":
		return database.PostgreSQL
	case "MYSQL":
		return database.MySQL
	}
	return ""
}

// Check finds what cannot work, and what would go to another database than the
// one that is named.
func (c *Channel) Check() []flume.Problem {
	var all []flume.Problem
	problem := func(property, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	u, embedded, err := c.parse(nil)
	if err != nil {
		problem("driver.url", fault.HintOf(err), "driver.url: %v", err)
		return all
	}
	given := c.typeGiven()
	switch {
	case c.dbType == "ORACLE":
		problem("db.type", "use PostgreSQL, MySQL, or leave db.type and driver.url out for an SQLite file", "logpipe has no driver for Oracle")
	case embedded && given && kindOf(c.dbType) != database.SQLite:
		problem("db.type", "set driver.url, or leave db.type out",
			"db.type is %s, and no driver.url says where: the events would go into an embedded database", c.dbType)
	case !embedded && given && kindOf(c.dbType) != "" && kindOf(c.dbType) != u.Kind:
		problem("db.type", "leave it out: driver.url says enough", "db.type is %s, and driver.url is of %s", c.dbType, u.Kind)
	}
	if c.driverGiven() {
		kind, known := database.Drivers()[c.driver]
		switch {
		case !known:
			problem("driver.class", "leave it out: driver.url says enough", "driver.class %s is no driver that logpipe knows", c.driver)
		case kind != u.Kind:
			problem("driver.class", "leave it out: driver.url says enough", "driver.class %s is of %s, and driver.url of %s", c.driver, kind, u.Kind)
		}
	}
	if u.Kind != database.SQLite && u.User == "" && c.settings.properties == "" {
		problem("driver.url", "set db.username", "no user for %s", u.Config.String())
	}
	return all
}

// The folder of embedded databases, below the home of the user.
const (
	flumeFolder    = ".flume"
	embeddedFolder = "jdbc-channel"
)

// find reads where the database is; the path of an embedded one is the folder in
// which the channel's name is that of the file.
func (c *Channel) find() (u database.URL, embedded bool, err error) {
	more, err := c.readProperties()
	if err != nil {
		return u, false, err
	}
	if u, embedded, err = c.parse(more); err != nil {
		return u, false, fmt.Errorf("driver.url: %w", err)
	}
	if embedded {
		home, err := c.home()
		if err != nil {
			return u, false, err
		}
		u.Path = filepath.Join(home, flumeFolder, embeddedFolder)
	}
	if u.Kind == database.SQLite {
		u.Path, err = folder.Absolute(u.Path)
	}
	return u, embedded, err
}

// locate finds the database of a channel.
func (c *Channel) locate(channel string) error {
	u, embedded, err := c.find()
	if err != nil {
		return err
	}
	if embedded {
		u.Derby = filepath.Join(u.Path, "db")
		u.Path = filepath.Join(u.Path, fileName(channel)+".sqlite")
	}
	c.target = u
	c.tellPlace()
	return nil
}

// tellPlace says what is otherwise than in Flume.
func (c *Channel) tellPlace() {
	u := c.target
	if u.Derby != "" {
		if _, err := os.Stat(filepath.Join(u.Derby, "service.properties")); err == nil {
			c.env.Logf("the events are in %s; those that a Flume has left in the Derby database %s stay there: let that Flume deliver them", u.Path, u.Derby)
		}
	}
	if len(u.Ignored) > 0 {
		c.env.Logf("parameters of the connection that mean nothing here: %s", strings.Join(u.Ignored, ", "))
	}
}

// home is the folder of the user.
func (s *settings) home() (string, error) {
	for _, properties := range []map[string]string{s.system, s.former} {
		if home := properties["user.home"]; home != "" {
			return home, nil
		}
	}
	return os.UserHomeDir()
}

// fileName is the name of a channel as that of a file.
func fileName(channel string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, channel)
}

// File is the path of the SQLite file that driver.url names, which no other
// channel can have; "" where it names none.
func (c *Channel) File() string {
	u, embedded, err := c.parse(nil)
	if err != nil || embedded || u.Kind != database.SQLite {
		return ""
	}
	path, err := folder.Absolute(u.Path)
	if err != nil {
		return ""
	}
	return path
}

// Survey looks at connection.properties.file, and whether the folder of an SQLite
// file is there or can be made.
func (c *Channel) Survey() []flume.Problem {
	var all []flume.Problem
	if name := strings.TrimSpace(c.settings.properties); name != "" && strings.TrimSpace(c.url) != "" {
		all = flume.SurveyFile("connection.properties.file", name, "name a file that is there")
	}
	if path := c.File(); path != "" {
		all = append(all, flume.SurveyMade("driver.url", filepath.Dir(path))...)
	}
	return all
}

// readProperties reads connection.properties.file: a property for each line, and
// comments that begin with # or !.
func (s *settings) readProperties() (map[string]string, error) {
	name := strings.TrimSpace(s.properties)
	if name == "" || strings.TrimSpace(s.url) == "" { // as in Flume
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("connection.properties.file: %w", err)
	}
	defer f.Close()
	all := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		end := strings.IndexAny(line, "=: \t\f")
		if end < 0 {
			end = len(line)
		}
		value := strings.TrimLeft(line[end:], " \t\f")
		if value != "" && (value[0] == '=' || value[0] == ':') {
			value = strings.TrimLeft(value[1:], " \t\f")
		}
		all[line[:end]] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("connection.properties.file: %w", err)
	}
	return all, nil
}

// Guarantee tells what the channel promises.
func (c *Channel) Guarantee() string {
	const after = "a take that was open then comes again"
	u, embedded, err := c.parse(nil)
	if err != nil {
		return "nothing: driver.url cannot be read"
	}
	if u.Kind != database.SQLite {
		return fmt.Sprintf("at least once: committed by %s before it is acknowledged; survives kill -9, and what %s survives; %s; "+
			"sources and sinks wait while the database is gone", u.Config.String(), u.Kind, after)
	}
	path := u.Path
	if embedded {
		home := "~"
		if h := c.system["user.home"]; h != "" {
			home = h
		}
		path = home + "/.flume/jdbc-channel/CHANNEL.sqlite"
	}
	text := "at least once: synced to the SQLite file " + path
	if u.Derby != "" {
		text += " (in place of the Derby database " + u.Derby + ")"
	}
	return text + " before it is acknowledged; survives kill -9 and power loss; " + after
}

// counters have the names of Flume's channels.
type counters struct {
	putAttempt, putSuccess   *atomic.Int64
	takeAttempt, takeSuccess *atomic.Int64
	unhealthy                atomic.Bool
}

func (c *Channel) setCounters() {
	c.counts.putAttempt = c.env.Counter("EventPutAttemptCount")
	c.counts.putSuccess = c.env.Counter("EventPutSuccessCount")
	c.counts.takeAttempt = c.env.Counter("EventTakeAttemptCount")
	c.counts.takeSuccess = c.env.Counter("EventTakeSuccessCount")
	c.env.Gauge("ChannelSize", func() int64 { return int64(c.Size()) })
	c.env.Gauge("ChannelCapacity", func() int64 { return int64(c.capacity) })
	c.env.Gauge("ChannelFillPercentage", func() int64 {
		if c.capacity == 0 {
			return 0
		}
		return int64(c.Size()) * 100 / int64(c.capacity)
	})
	c.env.Gauge("Unhealthy", func() int64 {
		if c.counts.unhealthy.Load() {
			return 1
		}
		return 0
	})
}
