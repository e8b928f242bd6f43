package gen

import (
	"strconv"
	"time"
)

// defaultCustomers is the number of customers that tracks are played by.
const defaultCustomers = 5000

// customer is one row of the customer file. It follows from the seed and the
// id alone, so that tracks and customers of the same seed fit together.
type customer struct {
	first, last  string
	gender, age  uint64 // gender 0 is female, 1 male
	zip          uint64
	house        uint64
	street       [3]string
	signed       time.Time
	status       uint64 // 1 is active
	level        uint64 // 0 free to 2 paid
	campaign     uint64
	linkedToApps uint64
}

func customerOf(seed, id uint64) customer {
	r := newRandom(mix(seed)+id, streamCustomers)
	word := func(words []string) string { return words[r.below(uint64(len(words)))] }
	c := customer{gender: r.below(2), age: 13 + r.below(20) + r.skewed(50)}
	c.first = word(firstNames[c.gender])
	c.last = word(lastNames)
	c.zip = zipOf(&r)
	c.house = 100 + r.below(13_000)
	c.street = [3]string{word(streetAdjectives), word(streetNouns), word(streetKinds)}
	c.signed = firstSigned.AddDate(0, 0, int(r.below(1000)))
	c.status = min(1, r.below(8))
	c.level = r.skewed(3)
	c.campaign = r.below(5)
	c.linkedToApps = r.below(2)
	return c
}

var firstSigned = time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)

// zipOf draws a United States ZIP code; those of New England begin with 0.
func zipOf(r *random) uint64 { return 1001 + r.below(98_900) }

func appendZip(dst []byte, zip uint64) []byte {
	for digit := uint64(10_000); digit > 0; digit /= 10 {
		dst = append(dst, '0'+byte(zip/digit%10))
	}
	return dst
}

// customers makes the rows in the order of their ids, from 1.
type customers struct {
	seed, id uint64
	json     bool
}

func newCustomers(o Options) lines { return &customers{seed: o.Seed, json: o.JSON} }

func (l *customers) append(dst []byte, _ time.Time) []byte {
	l.id++
	c := customerOf(l.seed, l.id)
	if l.json {
		return c.appendJSON(dst, l.id)
	}
	dst = strconv.AppendUint(dst, l.id, 10)
	dst = c.appendName(append(dst, ','))
	dst = strconv.AppendUint(append(dst, ','), c.gender, 10)
	dst = strconv.AppendUint(append(dst, ','), c.age, 10)
	dst = appendZip(append(dst, ','), c.zip)
	dst = c.appendAddress(append(dst, ','))
	dst = c.signed.AppendFormat(append(dst, ','), "01/02/2006")
	for _, n := range [...]uint64{c.status, c.level, c.campaign, c.linkedToApps} {
		dst = strconv.AppendUint(append(dst, ','), n, 10)
	}
	return dst
}

func (c *customer) appendJSON(dst []byte, id uint64) []byte {
	dst = strconv.AppendUint(append(dst, `{"customer_id":`...), id, 10)
	dst = c.appendName(append(dst, `,"name":"`...))
	dst = strconv.AppendUint(append(dst, `","gender":`...), c.gender, 10)
	dst = strconv.AppendUint(append(dst, `,"age":`...), c.age, 10)
	dst = appendZip(append(dst, `,"zip":"`...), c.zip)
	dst = c.appendAddress(append(dst, `","address":"`...))
	dst = c.signed.AppendFormat(append(dst, `","sign_date":"`...), "01/02/2006")
	dst = strconv.AppendUint(append(dst, `","status":`...), c.status, 10)
	dst = strconv.AppendUint(append(dst, `,"level":`...), c.level, 10)
	dst = strconv.AppendUint(append(dst, `,"campaign":`...), c.campaign, 10)
	dst = strconv.AppendUint(append(dst, `,"linked_with_apps":`...), c.linkedToApps, 10)
	return append(dst, '}')
}

func (c *customer) appendName(dst []byte) []byte {
	dst = append(append(dst, c.first...), ' ')
	return append(dst, c.last...)
}

func (c *customer) appendAddress(dst []byte) []byte {
	dst = strconv.AppendUint(dst, c.house, 10)
	for _, word := range c.street {
		dst = append(append(dst, ' '), word...)
	}
	return dst
}
