package catalog

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// summed is layersOf with all checksums.
func summed(t *testing.T, layers ...[]item) []engine.LayerFacts {
	t.Helper()
	facts := layersOf(t, layers...)
	for i := range facts {
		for j := range facts[i].Evidence {
			ev := &facts[i].Evidence[j]
			for _, it := range layers[i] {
				if it.path == ev.Path {
					one, two := sha1.Sum([]byte(it.body)), sha256.Sum256([]byte(it.body))
					ev.Sums.SHA1, ev.Sums.SHA256 = hex.EncodeToString(one[:]), hex.EncodeToString(two[:])
				}
			}
		}
	}
	return facts
}

// listing is the state of a package database in one layer: python3-six is installed, and lists a file with a content, if any.
type listing struct{ lists, body string }

// database writes a listing as the package manager does. rpm's is binary: its inspector's evidence stands in for it.
func database(typ string, l listing) (items []item, ev *engine.Evidence) {
	switch typ {
	case "deb":
		items = []item{{path: dpkgStatus, body: status("python3-six=1.16.0-4")}}
		if l.lists != "" {
			sum := md5.Sum([]byte(l.body))
			items = append(items, item{path: dpkgInfo + "/python3-six.md5sums", body: hex.EncodeToString(sum[:]) + "  " + l.lists + "\n"})
		}
	case "apk":
		text := "P:python3-six\nV:1.16.0-r4\nA:x86_64\no:py3-six\nc:" + strings.Repeat("0a", 20) + "\n"
		if l.lists != "" {
			sum := sha1.Sum([]byte(l.body))
			text += fmt.Sprintf("F:%s\nR:%s\nZ:Q1%s\n", path.Dir(l.lists), path.Base(l.lists), base64.StdEncoding.EncodeToString(sum[:]))
		}
		items = []item{{path: "lib/apk/db/installed", body: text + "\n"}}
	case "rpm":
		ev = &engine.Evidence{Inspector: (rpm{}).Name(), Path: "var/lib/rpm/rpmdb.sqlite",
			Packages: []engine.Package{{Name: "python3-six", Version: "1.16.0-4.el9", Type: "rpm", Arch: "noarch", Vendor: "AlmaLinux"}}}
		if l.lists != "" {
			sum := sha256.Sum256([]byte(l.body))
			ev.Owned = []engine.Owned{{Type: "rpm", Package: "python3-six", Arch: "noarch",
				Files: []engine.OwnedFile{{Path: l.lists, Sum: "sha256:" + hex.EncodeToString(sum[:])}}}}
		}
	}
	return items, ev
}

// A file has an owner whichever package manager wrote the list. A file that pip wrote over, or that a later layer added to the list, has
// none: otherwise a forged list would take a vulnerable package out of sight.
func TestOwnershipByAll(t *testing.T) {
	const at = "usr/lib/python3/site-packages/six.egg-info/PKG-INFO"
	const original, pip = "Name: six\nVersion: 1.16.0\n", "Name: six\nVersion: 1.9.0\n"
	type layer struct {
		listing *listing
		file    string
	}
	without, with := &listing{}, &listing{at, original}
	releases := map[string]string{"deb": debian, "apk": "ID=alpine\nVERSION_ID=3.20.1\n", "rpm": "ID=almalinux\nVERSION_ID=9.4\n"}
	for name, c := range map[string]struct {
		layers  []layer
		version string
		owned   bool
	}{
		"owned":                                  {[]layer{{with, original}}, "1.16.0", true},
		"installed by a later layer":             {[]layer{{}, {with, original}}, "1.16.0", true},
		"its mode was changed later":             {[]layer{{with, original}, {nil, original}}, "1.16.0", true},
		"pip wrote over it later":                {[]layer{{with, original}, {nil, pip}}, "1.9.0", false},
		"pip wrote over it in the layer":         {[]layer{{with, pip}}, "1.9.0", false},
		"pip wrote over it and forged the list":  {[]layer{{with, original}, {&listing{at, pip}, pip}}, "1.9.0", false},
		"the list was forged later":              {[]layer{{without, ""}, {with, original}}, "1.16.0", false},
		"the list was forged for an earlier one": {[]layer{{without, ""}, {nil, original}, {with, ""}}, "1.16.0", false},
		"nobody lists it":                        {[]layer{{without, original}}, "1.16.0", false},
		"the owner was removed":                  {[]layer{{with, original}, {&listing{lists: "-"}, ""}}, "1.16.0", false},
	} {
		for _, typ := range []string{"deb", "apk", "rpm"} {
			var layers [][]item
			var evidence []*engine.Evidence
			for i, l := range c.layers {
				items := []item{}
				if i == 0 {
					items = append(items, item{path: "etc/os-release", body: releases[typ]})
				}
				var ev *engine.Evidence
				switch {
				case l.listing != nil && l.listing.lists == "-":
					items = append(items,
						map[string]item{"deb": {path: dpkgStatus, body: status("other=1")},
							"apk": {path: "lib/apk/db/installed", body: "P:other\nV:1-r0\n\n"}, "rpm": {path: "etc/x", body: "x"}}[typ])
					ev = &engine.Evidence{Inspector: (rpm{}).Name(), Path: "var/lib/rpm/rpmdb.sqlite"}
				case l.listing != nil:
					var more []item
					more, ev = database(typ, *l.listing)
					items = append(items, more...)
				}
				if l.file != "" {
					items = append(items, item{path: at, body: l.file})
				}
				if typ != "rpm" {
					ev = nil
				}
				layers, evidence = append(layers, items), append(evidence, ev)
			}
			facts := summed(t, layers...)
			for i, ev := range evidence {
				if ev != nil {
					ev.Layer = i + 1
					facts[i].Entries = append(facts[i].Entries, engine.Entry{Path: ev.Path, Type: engine.TypeFile, Mode: 0o644})
					facts[i].Evidence = append(facts[i].Evidence, *ev)
				}
			}
			inv, listed := assembled(t, facts), false
			for _, p := range inv.Packages {
				if p.Type != "pypi" {
					continue
				}
				listed = true
				want := engine.Maybe("")
				if c.owned {
					want = engine.Maybe(typ + "/python3-six")
				}
				if p.OwnedBy != want || p.Version != c.version {
					t.Errorf("%s, %s: %s owned by %q, want %s and %q", name, typ, p.Version, p.OwnedBy, c.version, want)
				}
			}
			if !listed {
				t.Errorf("%s, %s: not listed: %s", name, typ, summary(inv))
			}
		}
	}
}
