package version

import (
	"fmt"
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// otherKey is a version whose order osv-scalibr's semantic package knows.
type otherKey struct{ semantic.Version }

// otherEcosystem is an ecosystem whose order the scheme is, in osv-scalibr's words.
func otherEcosystem(scheme string) string {
	switch scheme {
	case Maven:
		return "Maven"
	case NuGet:
		return "NuGet"
	case RubyGems:
		return "RubyGems"
	case Packagist:
		return "Packagist"
	case CRAN:
		return "CRAN"
	case Hackage:
		return "Hackage"
	case Pub:
		return "Pub"
	case Loose:
		return "Bitnami"
	}
	return ""
}

// parseOther demands a digit, because these orders place any text somewhere: "latest" would be older than every release.
func parseOther(scheme, text string) (key, error) {
	ecosystem := otherEcosystem(scheme)
	if ecosystem == "" {
		return nil, fmt.Errorf("no order of versions is called %.80q", scheme)
	}
	if !strings.ContainsAny(text, "0123456789") {
		return nil, invalid(scheme, text, "it has no digit")
	}
	v, err := semantic.Parse(text, ecosystem)
	if err != nil {
		return nil, invalid(scheme, text, err.Error())
	}
	return otherKey{v}, nil
}

func (k otherKey) compare(other key) (int, error) {
	c, err := k.Compare(other.(otherKey).Version)
	return sign(c), err
}
