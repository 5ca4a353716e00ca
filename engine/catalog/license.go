package catalog

import "strings"

const (
	// maxLicenseText is how many bytes a package may declare as its licence: some paste the licence's whole text. More says nothing.
	maxLicenseText = 64 << 10
	// maxExpression is how many bytes of it can be an SPDX expression; those of Linux distributions have up to 2,000.
	maxExpression = 4 << 10
)

// normalLicense returns what a package declares as an SPDX licence expression (SPDX specification, annex "SPDX license expressions"). A
// text with a name that is not understood stays as it is, but for its spaces, so that nothing is claimed that nobody said. "" is unknown.
func normalLicense(text string) string {
	if len(text) > maxLicenseText {
		return ""
	}
	if strings.ContainsAny(text, "\t\n\r") || strings.Contains(text, "  ") || strings.TrimSpace(text) != text {
		text = strings.Join(strings.Fields(text), " ")
	}
	if text == "" || len(text) > maxExpression {
		return text
	}
	if id := licenseID(text); id != "" {
		return id
	}
	if open := strings.LastIndexByte(text, '('); open > 0 && strings.HasSuffix(text, ")") { // "GNU General Public License v2 (GPLv2)"
		if id := licenseID(text[open+1 : len(text)-1]); id != "" {
			return id
		}
	}
	words := strings.Fields(spaceOperators.Replace(text)) // names and operators
	var out []string
	name := ""
	flush := func() bool {
		if name == "" {
			return true
		}
		id := licenseID(name)
		out, name = append(out, id), ""
		return id != ""
	}
	for i, w := range words {
		operator := ""
		switch strings.ToLower(w) {
		case "(", ")":
			operator = w
		case "or", "|", "||", "/":
			operator = "OR"
		case "and", "&", "&&":
			operator = "AND"
		case "with":
			if i+1 < len(words) {
				operator = "WITH"
			}
		}
		if operator == "" {
			name = strings.TrimSpace(name + " " + w)
			continue
		}
		if !flush() {
			return text
		}
		out = append(out, operator)
	}
	if !flush() || len(out) == 0 {
		return text
	}
	return closeParentheses.Replace(strings.Join(out, " "))
}

// Replacers are safe for concurrent use.
var (
	spaceOperators   = strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ", "|", " | ", "/", " / ")
	closeParentheses = strings.NewReplacer("( ", "(", " )", ")")
	dashWords        = strings.NewReplacer(" ", "-", "_", "-", "version-", "", ",", "")
)

// licenseID returns the SPDX id of one licence's name, "" when it is not known.
func licenseID(name string) string {
	key := strings.ToLower(strings.TrimSpace(name))
	later := false
	for _, suffix := range []string{" or later", "-or-later", " or newer", "+", " or above"} {
		if rest, ok := strings.CutSuffix(key, suffix); ok {
			key, later = strings.TrimSpace(rest), true
			break
		}
	}
	key = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(key, "the "), "gnu "), "-only")
	id := licenseName(dashWords.Replace(strings.TrimSuffix(strings.TrimSuffix(key, " license"), " licence")))
	if id == "" {
		id = licenseName(key)
	}
	gnu := strings.HasPrefix(id, "GPL-") || strings.HasPrefix(id, "LGPL-") || strings.HasPrefix(id, "AGPL-") || strings.HasPrefix(id, "GFDL-")
	switch {
	case id == "":
		return ""
	case gnu && later:
		return id + "-or-later"
	case gnu:
		return id + "-only"
	case later:
		return id + "+"
	}
	return id
}

// licenseName returns the SPDX id, without "-only" and "-or-later", for a name as distributions, registries and people write it. key is in
// lower case, without spaces and "license".
func licenseName(key string) string {
	switch key {
	case "mit", "expat", "mit/x11", "mit-x11", "x11-mit", "the-mit", "mit-style":
		return "MIT"
	case "x11", "mit-0", "isc", "zlib", "0bsd", "unlicense", "wtfpl", "ncsa", "curl", "openssl", "vim", "beerware", "ofl-1.1", "artistic-2.0",
		"bsl-1.0", "ruby", "php-3.01", "postgresql", "python-2.0", "psf-2.0", "hpnd", "json", "ms-pl", "sleepycat", "upl-1.0",
		"unicode-dfs-2016", "unicode-3.0", "blueoak-1.0.0", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
		"apache-1.1", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-4-clause", "bsd-1-clause", "mpl-1.1", "mpl-2.0", "epl-1.0",
		"epl-2.0", "cddl-1.0", "cddl-1.1", "eupl-1.2", "bzip2-1.0.6", "libpng-2.0", "busl-1.1", "sspl-1.0", "elastic-2.0", "gpl-1.0",
		"gpl-2.0", "gpl-3.0", "lgpl-2.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "gfdl-1.1", "gfdl-1.2", "gfdl-1.3", "afl-2.1", "zpl-2.1",
		"w3c", "xnet", "ipl-1.0", "artistic-1.0", "artistic-1.0-perl", "libpng", "ftl", "icu", "tcl", "ijg", "info-zip", "llvm-exception",
		"classpath-exception-2.0", "gcc-exception-3.1", "openssl-exception", "autoconf-exception-3.0":
		return canonicalLicense(key)
	case "apache", "apache2", "apache-license-version-2.0", "apache-license-2.0", "apache-version-2.0", "apache-2", "apache-2.0-license",
		"apache2.0", "asl-2.0", "al2", "apache-software-license-2.0", "apache-software-2.0", "apache-software":
		return "Apache-2.0"
	case "bsd": // nobody knows which of its versions
		return ""
	case "new-bsd", "3-clause-bsd", "bsd-3", "bsd3", "modified-bsd", "bsd-new", "revised-bsd", "new-bsd-license", "bsd-3-clause-license":
		return "BSD-3-Clause"
	case "2-clause-bsd", "bsd-2", "bsd2", "simplified-bsd", "freebsd", "bsd-2-clause-license":
		return "BSD-2-Clause"
	}
	return copyleftName(key)
}

// copyleftName is licenseName for copyleft licences and a few rarer ones.
func copyleftName(key string) string {
	switch key {
	case "gpl-1", "gpl1":
		return "GPL-1.0"
	case "gpl-2", "gpl2", "gplv2", "gpl-v2", "gpl-2.0-license", "general-public-v2", "general-public-2":
		return "GPL-2.0"
	case "gpl-3", "gpl3", "gplv3", "gpl-v3", "general-public-v3", "general-public-3":
		return "GPL-3.0"
	case "lgpl-2", "lgplv2", "lgpl2":
		return "LGPL-2.0"
	case "lgpl2.1", "lgplv2.1", "lgpl-v2.1", "lesser-general-public-v2.1":
		return "LGPL-2.1"
	case "lgpl-3", "lgpl3", "lgplv3", "lgpl-v3":
		return "LGPL-3.0"
	case "agpl-3", "agplv3", "agpl3", "agpl-v3":
		return "AGPL-3.0"
	case "mpl-2", "mpl2", "mplv2", "mplv2.0", "mozilla-public-2.0", "mozilla-public-2.0-(mpl-2.0)", "mpl-2.0-license":
		return "MPL-2.0"
	case "mpl1.1", "mozilla-public-1.1":
		return "MPL-1.1"
	case "psf", "psfl", "python", "python-software-foundation", "psf-license":
		return "PSF-2.0"
	case "zpl", "zpl2.1", "zope-public":
		return "ZPL-2.1"
	case "cc0", "cc-0", "cc0-1.0-universal":
		return "CC0-1.0"
	case "the-unlicense", "unlicense-(unlicense)", "the-unlicense-(unlicense)":
		return "Unlicense"
	case "boost", "boost-1.0", "boost-software-1.0":
		return "BSL-1.0"
	case "iscl", "isc-(iscl)":
		return "ISC"
	case "eclipse-public-2.0", "epl2":
		return "EPL-2.0"
	case "eclipse-public-1.0", "epl1":
		return "EPL-1.0"
	case "artistic2":
		return "Artistic-2.0"
	case "artistic":
		return "Artistic-1.0"
	case "php-3.0.1":
		return "PHP-3.01"
	case "openldap-2.8", "olpl-2.8":
		return "OLDAP-2.8"
	}
	return ""
}

// canonicalLicense returns an SPDX id, given in lower case, as the list of licences writes it (spdx.org/licenses).
func canonicalLicense(key string) string {
	var out []string
	for part := range strings.SplitSeq(key, "-") {
		switch part {
		case "apache", "clause", "zlib", "python", "unicode", "artistic", "sleepycat", "ruby", "beerware", "unlicense", "elastic", "info",
			"perl", "xnet":
			part = strings.ToUpper(part[:1]) + part[1:]
		case "openssl":
			part = "OpenSSL"
		case "postgresql":
			part = "PostgreSQL"
		case "vim":
			part = "Vim"
		case "blueoak":
			part = "BlueOak"
		case "zip":
			part = "ZIP"
		case "libpng", "curl", "bzip2", "exception", "autoconf":
		case "classpath":
			part = "Classpath"
		default:
			part = strings.ToUpper(part)
		}
		out = append(out, part)
	}
	return strings.Join(out, "-")
}

// classifyLicense returns the SPDX id of the licence whose text this is, by phrases that only its text has; "" for none, or several.
func classifyLicense(text string) string {
	const (
		anyPurpose      = "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"
		anyPurposeOlder = "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted"
		keepNotice      = ", provided that the above copyright notice"
	)
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	found := ""
	for _, c := range []struct {
		id      string
		phrases []string // all of them
		not     string   // a phrase that another licence has
	}{
		{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}, ""},
		{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy",
			"the above copyright notice and this permission notice shall be included"}, ""},
		{"ISC", []string{anyPurpose + keepNotice}, ""},
		{"ISC", []string{anyPurposeOlder + keepNotice}, ""},
		{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name",
			"redistributions in binary form must reproduce"}, "all advertising materials"},
		{"BSD-2-Clause", []string{"redistribution and use in source and binary forms",
			"redistributions in binary form must reproduce"}, "neither the name"},
		{"MPL-2.0", []string{"mozilla public license version 2.0"}, ""},
		{"GPL-3.0-only", []string{"gnu general public license", "version 3, 29 june 2007"}, "lesser"},
		{"GPL-2.0-only", []string{"gnu general public license", "version 2, june 1991"}, ""},
		{"LGPL-2.1-only", []string{"gnu lesser general public license", "version 2.1, february 1999"}, ""},
		{"LGPL-3.0-only", []string{"gnu lesser general public license version 3, 29 june 2007"}, ""},
		{"AGPL-3.0-only", []string{"gnu affero general public license", "version 3, 19 november 2007"}, ""},
		{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, ""},
		{"CC0-1.0", []string{"cc0 1.0 universal"}, ""},
		{"Zlib", []string{"this software is provided 'as-is', without any express or implied warranty",
			"altered source versions must be plainly marked"}, ""},
		{"BSL-1.0", []string{"boost software license - version 1.0"}, ""},
		{"EPL-2.0", []string{"eclipse public license - v 2.0"}, ""},
		{"0BSD", []string{anyPurpose + ". the software is provided"}, ""},
	} {
		all := c.not == "" || !strings.Contains(text, c.not)
		for _, p := range c.phrases {
			all = all && strings.Contains(text, p)
		}
		switch {
		case !all || found == c.id:
		case found == "":
			found = c.id
		default:
			return ""
		}
	}
	return found
}
