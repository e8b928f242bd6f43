package escape

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Clock tells the time that stands in the paths of an event.
type Clock struct {
	Zone  *time.Location
	Local bool   // the time at which the event is written, not that of its header
	Unit  string // second, minute or hour to round down to; "" = not at all
	Value int    // how many of them
}

// ErrNoTime is in the chain of the error for an event without a time.
var ErrNoTime = errors.New("the event has no header timestamp")

// Moment finds the time of an event; now is the time at which it is written.
func (c *Clock) Moment(headers flume.Headers, now time.Time) (Moment, error) {
	ms := now.UnixMilli()
	if !c.Local {
		text, there := headers.Get("timestamp")
		if !there {
			return Moment{}, ErrNoTime
		}
		var err error
		if ms, err = strconv.ParseInt(text, 10, 64); err != nil {
			return Moment{}, fmt.Errorf("the header timestamp is no number of ms since 1970: %q", text)
		}
	}
	at := time.UnixMilli(ms).In(c.Zone)
	if y := at.Year(); y < 0 || y > 9999 {
		return Moment{}, fmt.Errorf("the header timestamp is no time: %d ms since 1970 is the year %d", ms, y)
	}
	return Moment{ms, c.round(at)}, nil
}

// round goes down to a multiple of the unit within the next larger one, by the
// clock of the zone.
func (c *Clock) round(at time.Time) time.Time {
	switch c.Unit {
	case "second":
		at = at.Add(-time.Duration(at.Second()%c.Value) * time.Second)
	case "minute":
		at = at.Add(-time.Duration(at.Minute()%c.Value)*time.Minute - time.Duration(at.Second())*time.Second)
	case "hour":
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour()-at.Hour()%c.Value, 0, 0, 0, at.Location())
	default:
		return at
	}
	return at.Add(-time.Duration(at.Nanosecond()))
}

// javaZones are the short names that Java has for zones.
var javaZones = map[string]string{
	"EST": "-05:00", "MST": "-07:00", "HST": "-10:00", "ACT": "Australia/Darwin", "AET": "Australia/Sydney",
	"AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo",
	"BST": "Asia/Dhaka", "CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
	"EAT": "Africa/Addis_Ababa", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata",
	"JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
	"PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
	"VST": "Asia/Ho_Chi_Minh",
}

var zoneOffset = regexp.MustCompile(`^(?:GMT|UTC|UT)?([+-])(\d{1,2})(?::?(\d\d))?$`)

// Zone finds a time zone by a name that Java knows: one of the tz database, a
// short one, or GMT+8 and the like. Java takes a name that it does not know for
// GMT; here that is an error.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	if long := javaZones[name]; long != "" {
		name = long
	}
	if m := zoneOffset.FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		if hours > 23 || minutes > 59 {
			return nil, fmt.Errorf("there is no time zone %q", name)
		}
		seconds := hours*3600 + minutes*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds), nil
	}
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("there is no time zone %q", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q", name)
	}
	return zone, nil
}
