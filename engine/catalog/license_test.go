package catalog

import (
	"slices"
	"strings"
	"testing"
)

// A text that only looks like an expression is not taken apart, and one that is too long for a licence says nothing.
func TestLongLicenses(t *testing.T) {
	for _, s := range []string{"(", "a or ", "MIT and ", "x/", "(((MIT"} {
		text := strings.TrimSpace(strings.Repeat(s, maxExpression/len(s)+1))
		if got := normalLicense(text); got != strings.Join(strings.Fields(text), " ") {
			t.Errorf("%q times many: %.80q", s, got)
		}
		for _, n := range []int{maxLicenseText + 1, 8 << 20} {
			if got := normalLicense(strings.Repeat(s, n/len(s)+1)); got != "" {
				t.Errorf("%q, %d bytes: %.80q", s, n, got)
			}
		}
	}
}

func TestNormalLicense(t *testing.T) {
	for from, want := range map[string]string{
		"MIT":                         "MIT",
		"mit":                         "MIT",
		"The MIT License":             "MIT",
		"MIT License":                 "MIT",
		"Expat":                       "MIT",
		"Apache 2.0":                  "Apache-2.0",
		"Apache License, Version 2.0": "Apache-2.0",
		"Apache-2":                    "Apache-2.0",
		"Apache Software License":     "Apache-2.0",
		"apache-2.0":                  "Apache-2.0",
		"GPL-2+":                      "GPL-2.0-or-later",
		"GPL-2":                       "GPL-2.0-only",
		"GPLv3":                       "GPL-3.0-only",
		"GPL-2.0-only":                "GPL-2.0-only",
		"GPL-3.0-or-later":            "GPL-3.0-or-later",
		"LGPL-2.1+":                   "LGPL-2.1-or-later",
		"GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
		"BSD-3-clause":                         "BSD-3-Clause",
		"BSD 3-Clause":                         "BSD-3-Clause",
		"new BSD":                              "BSD-3-Clause",
		"Simplified BSD":                       "BSD-2-Clause",
		"BSD":                                  "BSD",
		"PSF":                                  "PSF-2.0",
		"MPL 2.0":                              "MPL-2.0",
		"Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
		"ISC License (ISCL)":                   "ISC",
		"(MIT OR Apache-2.0)":                  "(MIT OR Apache-2.0)",
		"MIT or GPL-2+":                        "MIT OR GPL-2.0-or-later",
		"MIT/Apache-2.0":                       "MIT OR Apache-2.0",
		"GPL-2.0-only AND MIT":                 "GPL-2.0-only AND MIT",
		"GPL-2.0-or-later WITH Classpath-exception-2.0": "GPL-2.0-or-later WITH Classpath-exception-2.0",
		"GPLv2+ and custom":                             "GPLv2+ and custom",
		"public-domain":                                 "public-domain",
		"SEE LICENSE IN LICENSE.md":                     "SEE LICENSE IN LICENSE.md",
		"CC0-1.0":                                       "CC0-1.0",
		"0BSD":                                          "0BSD",
		"BlueOak-1.0.0":                                 "BlueOak-1.0.0",
		"Unicode-DFS-2016":                              "Unicode-DFS-2016",
		"PostgreSQL":                                    "PostgreSQL",
		"OpenSSL":                                       "OpenSSL",
		"Zlib":                                          "Zlib",
		"":                                              "",
		"  ":                                            "",
		"OFL-1.1":                                       "OFL-1.1",
		"Artistic":                                      "Artistic-1.0",
		"BSL-1.0":                                       "BSL-1.0",
		"Vim":                                           "Vim",
		"AGPL-3.0":                                      "AGPL-3.0-only",
		"Python-2.0":                                    "Python-2.0",
	} {
		if got := normalLicense(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
		if got := normalLicense(want); got != want {
			t.Errorf("%q is not stable: %q", want, got)
		}
	}
}

func TestCopyrights(t *testing.T) {
	for text, want := range map[string]string{
		"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n" +
			" On Debian systems see /usr/share/common-licenses/GPL-2.\n\nFiles: x\nLicense: Expat\n\nLicense: Expat\n text": "GPL-2.0-or-later MIT",
		"This package was debianized.\n\nOn Debian systems, the text is in `/usr/share/common-licenses/LGPL-2.1'.\n": "LGPL-2.1-only",
		"Public domain.": "", "": "",
	} {
		if got := copyrightLicenses([]byte(text)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

func TestClassifyLicense(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms ... Redistributions in binary form must reproduce ..."
	for text, want := range map[string]string{
		"Permission is hereby granted, free of charge, to any person obtaining a copy\nof this ... " +
			"The above copyright notice and this\n permission notice shall be included in": "MIT",
		"  Apache License\n  Version 2.0, January 2004\n": "Apache-2.0",
		bsd:                          "BSD-2-Clause",
		bsd + " Neither the name of": "BSD-3-Clause",
		"Apache License Version 2.0, January 2004. Mozilla Public License Version 2.0": "",
		"All rights reserved.": "",
	} {
		if got := classifyLicense(text); got != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

func FuzzLicense(f *testing.F) {
	for _, s := range []string{"(MIT OR Apache-2.0)", "GPL-2+ with ", "\nLicense: x\n", "a)b(", "/usr/share/common-licenses/GPL"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := normalLicense(s)
		if again := normalLicense(once); again != once {
			t.Errorf("%q: %q, then %q", s, once, again)
		}
		copyrightLicenses([]byte(s))
		classifyLicense(s)
	})
}
