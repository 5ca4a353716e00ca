package advisory

import (
	"context"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// addUnmatchedGaps adds gaps for packages that could not be judged, or not well: those whose release is unknown, by their type; those
// without a shard and those of a third party, by their ecosystem. The numbers count packages.
func (s *matchState) addUnmatchedGaps(unknownRelease, noShard, thirdParty map[string]int) {
	for typ, n := range unknownRelease {
		if why := whyNoEcosystem(typ); why != "" {
			s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe("type " + typ), Count: n, Detail: why})
			continue
		}
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe("type " + typ + ", unknown release"), Count: n,
			Detail: "the release that these packages are from is unknown, so no advisories can be chosen"})
	}
	for ecosystem, n := range thirdParty {
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapThirdParty, Subject: engine.Maybe(ecosystem), Count: n,
			Detail: "these packages are not from " + ecosystem +
				"'s own repositories: its advisories were asked, but may say nothing of them, or the wrong thing"})
	}
	for ecosystem, n := range noShard {
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe(ecosystem), Count: n,
			Detail: "the database has no advisories for " + ecosystem})
	}
}

// addMalformedGap adds a gap for n records that could not be evaluated.
func (s *matchState) addMalformedGap(subject string, n int, err error) {
	s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapMalformed, Subject: engine.Maybe(subject), Count: n, Detail: oneLine(err)})
}

// oneLine writes an error that may join several on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// whyNoEcosystem says why packages of a type have no ecosystem, "" when such packages have one.
func whyNoEcosystem(typ string) string {
	switch typ {
	case "generic":
		return "no feed has advisories for these programs by their own versions"
	case "conda":
		return "no feed has advisories for packages of conda"
	case "cargo":
		return "these crates are not from crates.io, whose advisories speak of no others"
	}
	return ""
}

// addUnknownEcosystems makes a gap of each shard whose ecosystem nobody knows: its advisories judge nothing, whatever their author meant.
func (s *matchState) addUnknownEcosystems(ctx context.Context) error {
	for _, ecosystem := range s.store.Ecosystems() {
		base, _ := engine.SplitEcosystem(ecosystem)
		if KnowsEcosystem(base) {
			continue
		}
		shard, _, err := s.store.Shard(ctx, ecosystem)
		if err != nil {
			return fmt.Errorf("reading the advisories of %.60q: %w", ecosystem, err)
		}
		s.gaps = append(s.gaps, engine.Gap{Kind: engine.GapNoAdvisories, Subject: engine.Maybe("ecosystem " + ecosystem), Count: shard.Advisories,
			Detail: "the database has advisories of an ecosystem that OSV does not define: no package is compared with them"})
	}
	return nil
}
