package kafka

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// expiresSoon is when the end of a certificate is counted in days.
const expiresSoon = 30 * 24 * time.Hour

// certificate tells of the certificate that a server showed.
func (s *Step) certificate(chain []*x509.Certificate) {
	c := chain[0]
	var names []string
	names = append(names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	subject, issuer := cmp.Or(c.Subject.String(), "nobody"), cmp.Or(c.Issuer.String(), "nobody")
	text := "certificate of " + subject
	if len(names) > 0 {
		text += " for " + joined(names)
	}
	signed := ", signed by " + issuer
	if slices.Equal(c.RawSubject, c.RawIssuer) {
		signed = ", signed by itself"
	}
	text += signed + ", valid until " + c.NotAfter.UTC().Format(time.DateOnly)
	switch left := time.Until(c.NotAfter); {
	case left < 0:
		text += ", which is over"
	case time.Now().Before(c.NotBefore):
		text += ", but only from " + c.NotBefore.UTC().Format(time.DateTime) + " on"
	case left < 48*time.Hour:
		text += ", which is in " + plural(int(left/time.Hour), "hour")
	case left < expiresSoon:
		text += ", which is in " + plural(int(left/(24*time.Hour)), "day")
	}
	s.Saw = text
	s.Facts = map[string]any{"subject": subject, "issuer": issuer, "names": listOf(names),
		"not_before": c.NotBefore.UTC().Format(time.RFC3339), "not_after": c.NotAfter.UTC().Format(time.RFC3339)}
}

// cluster tells of what a broker says about its cluster.
func (s *Step) cluster(meta *sarama.MetadataResponse) {
	brokers := []map[string]any{}
	var list []int32
	for _, b := range meta.Brokers {
		list = append(list, b.ID())
		brokers = append(brokers, map[string]any{"id": b.ID(), "address": b.Addr(), "rack": b.Rack()})
	}
	var leaderless, behind []string
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			at := fmt.Sprintf("%s/%d", t.Name, p.ID)
			switch {
			case p.Leader < 0:
				leaderless = append(leaderless, at)
			case len(p.Isr) < len(p.Replicas):
				behind = append(behind, at)
			}
		}
	}
	s.Saw = fmt.Sprintf("cluster %s, %s, controller %d, %s", clusterName(meta), brokerList(list), meta.ControllerID, plural(len(meta.Topics), "topic"))
	if len(leaderless) > 0 {
		s.Saw += ", without a leader: " + few(leaderless)
	}
	if len(behind) > 0 {
		s.Saw += ", with replicas behind: " + few(behind)
	}
	s.Facts = map[string]any{"cluster": clusterName(meta), "controller": meta.ControllerID, "brokers": brokers, "topics": len(meta.Topics),
		"leaderless": listOf(leaderless), "under_replicated": listOf(behind)}
}

// clusterName is the id of a cluster; "?" where it has none.
func clusterName(meta *sarama.MetadataResponse) string {
	if meta.ClusterID == nil || *meta.ClusterID == "" {
		return "?"
	}
	return *meta.ClusterID
}

// few lists some of many things.
func few(list []string) string {
	const most = 3
	slices.Sort(list)
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// listOf makes an empty list of none, for JSON.
func listOf(words []string) []string { return append([]string{}, words...) }
