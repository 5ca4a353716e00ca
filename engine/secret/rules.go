package secret

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/vetoci/veto/engine"
)

// rule describes one kind of credential.
type rule struct {
	id, title string // id is permanent: waivers name it
	severity  engine.Level
	// keywords are the texts, of at least three bytes, of which every match contains one, in any case. A file without any is not searched.
	keywords []string
	pattern  string  // RE2; its one group, or all of it, is the secret
	entropy  float64 // least entropy of the secret in bits per byte (Shannon); 0 asks for none
	lines    int     // number of lines that the pattern may match across; 0 means 1
	// minRun is how many token characters follow a keyword at which a match begins. Ordinary words have fewer, so that the pattern is seldom
	// tried. 0 asks for none: a match may begin before its keyword, or go on with other characters.
	minRun     int
	configOnly bool // looked for in configuration files only: in programs such names stand beside words of every kind

	compile func() *regexp.Regexp // compiles pattern on the first call
}

const (
	critical = engine.Critical
	high     = engine.High
	medium   = engine.Medium
)

// tokenRule makes a rule for a secret that begins with a prefix of its own.
func tokenRule(id, title string, severity engine.Level, prefix, rest string) rule {
	run := 14
	if strings.Contains(rest, "+/") { // base64 has characters that startsWithRun does not count
		run = 0
	}
	return rule{id: id, title: title, severity: severity, keywords: []string{prefix}, minRun: run, entropy: 2.5,
		pattern: `\b(` + regexp.QuoteMeta(prefix) + rest + `)(?:[^A-Za-z0-9_]|$)`}
}

// namedRule makes a rule for a secret that has no form of its own: it is recognised by the name of its service in front of it.
func namedRule(id, title string, severity engine.Level, name, value string) rule {
	const assignment = `[a-z0-9_.\- ]{0,30}["']?\s{0,3}(?:=|:|=>|:=)\s{0,3}["']?`
	return rule{id: id, title: title, severity: severity, keywords: []string{name}, entropy: 3,
		pattern: `(?i)` + regexp.QuoteMeta(name) + assignment + `(` + value + `)(?:[^A-Za-z0-9_]|$)`}
}

// rules returns all rules. Their patterns have the forms that the issuers document, or that their tokens have had.
func rules() []rule {
	all := slices.Concat(cloudRules(), hostingRules(), serviceRules(), toolRules(), genericRules())
	for i := range all {
		r := &all[i]
		pattern := r.pattern
		if r.minRun > 0 { // a match begins at the keyword or one character before it: find passes the text from there on
			pattern = `\A(?s:.?)` + pattern
		}
		r.compile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	}
	return all
}

// genericRule is the rule that gives way to others: it matches names such as "password" with a value that looks random.
const genericRule = "generic-secret"

// genericRules are for forms that many issuers share.
func genericRules() []rule {
	const (
		names = `password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?`
		value = `[A-Za-z0-9_\-+/=.~!@#%^&*]{12,128}`
	)
	return []rule{
		{id: "private-key", title: "private key", severity: high, keywords: []string{"-----BEGIN"}, lines: 6,
			pattern: `(-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP )?PRIVATE KEY(?: BLOCK)?-----[\r\n]+[A-Za-z0-9+/=:,.() \r\n-]{64,})`},
		{id: "encrypted-private-key", title: "private key behind a password", severity: medium, keywords: []string{"-----BEGIN ENC"}, lines: 6,
			pattern: `(-----BEGIN ENCRYPTED PRIVATE KEY-----[\r\n]+[A-Za-z0-9+/=\r\n]{64,})`},
		{id: "putty-private-key", title: "PuTTY private key", severity: high, keywords: []string{"PuTTY-User-Key-File"}, lines: 4,
			pattern: `(PuTTY-User-Key-File-[23]: ssh-[a-z0-9-]+[\r\n]+Encryption: none)`},
		{id: "jwt", title: "JSON web token", severity: medium, keywords: []string{"eyJ"}, minRun: 17, entropy: 3.5, configOnly: true,
			pattern: `\b(eyJ[A-Za-z0-9_\-]{17,}\.eyJ[A-Za-z0-9_\-]{17,}\.[A-Za-z0-9_\-]{20,})`},
		{id: "kubernetes-token", title: "Kubernetes bearer token", severity: critical, keywords: []string{"token:"}, entropy: 3, configOnly: true,
			pattern: `(?m)^\s{2,20}token:\s{1,3}["']?(eyJ[A-Za-z0-9_\-.]{100,}|[a-z0-9]{6}\.[a-z0-9]{16})["']?\s*$`},
		{id: "kubeconfig-client-key", title: "Kubernetes client key", severity: critical, keywords: []string{"client-key-data"}, entropy: 3.5,
			pattern: `client-key-data:\s{1,3}["']?([A-Za-z0-9+/]{100,}={0,2})`},
		{id: "htpasswd-hash", title: "password hash of a web server", severity: medium,
			keywords: []string{"$apr1$", "$2y$"}, entropy: 3, configOnly: true,
			pattern: `(?m)^[A-Za-z0-9._\-]{1,64}:((?:\$apr1\$|\$2y\$[0-9]{2}\$)[./A-Za-z0-9$]{22,60})\s*$`},
		{id: "pgpass-password", title: "password in .pgpass", severity: high, keywords: []string{":5432:"}, entropy: 2.5, configOnly: true,
			pattern: `(?m)^[A-Za-z0-9.*\-]{1,200}:5432:[^:\s]{1,64}:[^:\s]{1,64}:(\S{6,200})\s*$`},
		{id: genericRule, title: "secret in a configuration", severity: medium, entropy: 3.5, configOnly: true,
			keywords: []string{"password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "access_key", "private_key", "credential"},
			pattern: `(?im)(?:^|[\s"',{;._\-])[a-z0-9_.\-]{0,40}(?:` + names + `)["']?` +
				`\s{0,3}(?:=|:|=>)\s{0,3}["']?(` + value + `)["']?\s*(?:[,;}#]|$)`},
	}
}
