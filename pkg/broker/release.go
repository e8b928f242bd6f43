package broker

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kversion"
)

// coreRequests are those whose versions grow with nearly every release: produce,
// fetch, list offsets, metadata, commit, fetch commits, find and join a group.
var coreRequests = []int16{0, 1, 2, 3, 8, 9, 10, 11}

// Release guesses which release of Kafka knows requests up to these versions, by
// the requests' keys, such as "as Kafka 3.7". Who knows a choice of requests only,
// as this broker does, is judged by those that all clients use.
func Release(highest map[int16]int16) string {
	var v kversion.Versions
	for key, version := range highest {
		v.SetMaxKeyVersion(key, version)
	}
	guess := v.VersionGuess()
	if least, ok := strings.CutPrefix(guess, "at least v"); ok || strings.HasPrefix(guess, "v") {
		if ok {
			return "as Kafka " + least + " or later"
		}
		return "as Kafka " + guess[1:]
	}
	for _, name := range kversion.VersionStrings() { // the newest first
		if release := kversion.FromString(name); release != nil && covers(highest, release) {
			return "about as Kafka " + strings.TrimPrefix(name, "v")
		}
	}
	return "as no release of Kafka"
}

// covers tells whether all core requests of a release are known.
func covers(highest map[int16]int16, release *kversion.Versions) bool {
	for _, key := range coreRequests {
		want, has := release.LookupMaxKeyVersion(key)
		if got, ok := highest[key]; has && (!ok || got < want) {
			return false
		}
	}
	return true
}
