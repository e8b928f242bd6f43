package source

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"
)

// ipRule is one of the ipFilterRules.
type ipRule struct {
	allow   bool
	name    bool // the pattern is for the peer's name, not for its address
	pattern *regexp.Regexp
	local   bool // the pattern is the name localhost
}

type ipRules []ipRule

// lookupLimit is how long the name of a peer is looked for.
const lookupLimit = 2 * time.Second

// parseRules reads rules with commas between them.
func parseRules(text string) (ipRules, error) {
	var rules ipRules
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		access, rest, _ := strings.Cut(part, ":")
		kind, pattern, found := strings.Cut(rest, ":")
		if access != "allow" && access != "deny" || kind != "ip" && kind != "name" || !found {
			return nil, fmt.Errorf("rule %q is not <allow or deny>:<ip or name>:<pattern>", part)
		}
		expression := regexp.QuoteMeta(pattern)
		expression = strings.ReplaceAll(expression, `\*`, ".*")
		expression = strings.ReplaceAll(expression, `\?`, ".?")
		re, err := regexp.Compile("^(?i:" + expression + ")$")
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", part, err)
		}
		rules = append(rules, ipRule{access == "allow", kind == "name", re, kind == "name" && pattern == "localhost"})
	}
	return rules, nil
}

// admit applies the first rule that fits. A peer whom none fits may come, as in
// Flume.
func (r ipRules) admit(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap()
	address := ip.WithZone("").String()
	var names []string
	looked := false
	for _, rule := range r {
		switch {
		case !rule.name:
			if rule.pattern.MatchString(address) {
				return rule.allow
			}
			continue
		case rule.local && ip.IsLoopback():
			return rule.allow
		case !looked:
			looked = true
			ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
			// A peer without a name has its address for one, as in Java.
			if names, _ = net.DefaultResolver.LookupAddr(ctx, address); len(names) == 0 {
				names = []string{address}
			}
			cancel()
		}
		for _, name := range names {
			if rule.pattern.MatchString(strings.TrimSuffix(name, ".")) {
				return rule.allow
			}
		}
	}
	return true
}
