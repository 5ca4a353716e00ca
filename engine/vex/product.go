package vex

import (
	"strings"

	"github.com/vetoci/veto/engine/purl"
)

// component is a product or a part of one, as a document identifies it. Every identifier that it has must match.
type component struct {
	names       []string // ids that are no package URL: an IRI, the name of an image
	purls       []purl.URL
	digests     []string // "sha256:…"
	cpes        []string
	unmatchable bool // it has an identifier that cannot be understood or compared, and so it matches nothing
}

// addID adds an identifier that may be a package URL.
func (c *component) addID(text string) {
	if text == "" {
		return
	}
	if !strings.HasPrefix(text, "pkg:") {
		c.names = append(c.names, text)
		return
	}
	u, err := purl.Parse(text)
	if err != nil {
		c.unmatchable = true
		return
	}
	c.purls = append(c.purls, u)
}

// addHash adds a hash; only SHA-256 can be compared with an image's.
func (c *component) addHash(algorithm, value string) {
	switch strings.ReplaceAll(strings.ToLower(algorithm), "-", "") {
	case "sha256":
		c.digests = append(c.digests, "sha256:"+strings.ToLower(value))
	default:
		c.unmatchable = true
	}
}

// product is what a statement is about: a component, inside of all those in within, which are this image or its platform.
type product struct {
	component component
	within    []component
}
