package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// denyRule is a policy of one deny rule with this body.
func denyRule(body string) string {
	return "# METADATA\n# scope: package\n# description: a test\npackage own\n\n# METADATA\n# title: A test\n" +
		"deny[\"own-test\"] contains r if {\n\t" +
		strings.ReplaceAll(body, "\n", "\n\t") + "\n}\n"
}

// typoFaults are those that OPA's checker lets pass.
func typoFaults() []fault {
	policy := func(text string) func(*caseDir) []string {
		return func(f *caseDir) []string { f.write("own.rego", text); return f.scan(f.good(), "--policy", "own.rego") }
	}
	out := []fault{
		{name: "a field", prepare: policy(denyRule(`some p in input.packages` + "\n" + `p.nmae == "x"` + "\n" + `r := "x"`)), code: 2,
			says: `"name"`},
		{name: "a section", prepare: policy(denyRule(`count(input.pakages) > 0` + "\n" + `r := "x"`)), code: 2, says: `packages`},
		{name: "a field under a map view",
			prepare: policy(denyRule(`some n` + "\n" + `some i in input.index.packages_by_name[n]` + "\n" +
				`input.packages[i].versio == "1"` + "\n" + `r := "x"`)), code: 2, says: `"version"`},
		{name: "a closed key of a map view",
			prepare: policy(denyRule(`some i in input.index.findings_by_severity.hihg` + "\n" + `r := input.findings[i].id`)), code: 2,
			says: `high`},
		{name: "inside a helper",
			prepare: policy(denyRule(`some p in input.packages`+"\n"+`old(p)`+"\n"+`r := "x"`) +
				"\nold(p) if p.versoin == \"1\"\n"), code: 2, says: `"version"`},
		{name: "in object.get",
			prepare: policy(denyRule(`some p in input.packages` + "\n" + `object.get(p, "licences", []) == []` + "\n" +
				`r := "x"`)), code: 2, says: `"licenses"`},
		{name: "in object.get with a path",
			prepare: policy(denyRule(`object.get(input, ["config", "usr"], "root") == "root"` + "\n" + `r := "x"`)),
			code:    2, says: `"user"`},
		{name: "in data.params", prepare: policy(denyRule(`data.params["own-test"].most > 3` + "\n" + `r := "x"`)), code: 2, says: "declares"},
		{name: "in data", prepare: policy(denyRule(`data.allowed.names[_] == "x"` + "\n" + `r := "x"`)), code: 2, says: "data.allowed"},
		{name: "a level that is none",
			prepare: policy(denyRule(`some f in input.findings` + "\n" + `f.severity.level == "HIGH"` + "\n" + `r := f.id`)), code: 2, says: `high`},
		{name: "a comparison with another type",
			prepare: policy(denyRule(`some f in input.findings` + "\n" + `f.severity.level == 3` + "\n" + `r := f.id`)), code: 2, says: "own.rego:"},
		{name: "an order over what may be null",
			prepare: policy(denyRule(`some f in input.findings` + "\n" + `f.severity.score > 7` + "\n" + `r := f.id`)), code: 2, says: "null"},
	}
	for i := range out {
		out[i].class = "typos in policies"
	}
	return out
}

func policyFaults() []fault {
	policy := func(text string, args ...string) func(*caseDir) []string {
		return func(f *caseDir) []string {
			f.write("own.rego", text)
			return append(f.scan(f.good(), "--policy", "own.rego"), args...)
		}
	}
	loop := `some a in numbers.range(1, 100000)` + "\n" + `some b in numbers.range(1, 100000)` + "\n" + `a * b == -1` + "\n" + `r := "x"`
	out := []fault{
		{name: "a second file in a library package", prepare: policy("package veto.vulnerabilities\n\ndeny[\"mine\"] contains \"x\" if false\n"),
			code: 2, says: "veto."},
		{name: "a package below veto", prepare: policy("package veto.mine\n\ndeny[\"mine\"] contains \"x\" if false\n"), code: 2, says: "veto"},
		{name: "a rule that fails", prepare: policy(denyRule(`to_number("n/a") == 1` + "\n" + `r := "x"`)), code: 3, says: "own-test"},
		{name: "a rule that loops", prepare: policy(denyRule(loop)), code: 3, says: "own-test"},
		{name: "a result of a wrong shape", prepare: policy(denyRule(`r := 7`)), code: 3, says: "own-test"},
		{name: "a result with an unknown key", prepare: policy(denyRule(`r := {"msg": "x", "fnding": "y"}`)), code: 2, says: "fnding"},
		{name: "a result that names no finding", prepare: policy(denyRule(`r := {"msg": "x", "finding": "v0000"}`)), code: 3, says: "v0000"},
		{name: "a result without a message", prepare: policy(denyRule(`r := {"subject": "x"}`)), code: 2, says: "msg"},
		{name: "a result with an unknown key that only the run shows",
			prepare: policy(denyRule("r := json.unmarshal(`{\"msg\": \"x\", \"fnding\": 1}`)")), code: 3, says: "fnding"},
		{name: "zero rules", prepare: func(f *caseDir) []string {
			f.write("own.rego", "package own\n\nallow := true\n")
			return f.bare(f.good(), "--no-default-policy", "--policy", "own.rego")
		}, code: 2, says: "rule"},
		{name: "no policy at all", prepare: func(f *caseDir) []string { return f.bare(f.good(), "--no-default-policy") }, code: 2, says: "rule"},
		{name: "a folder without policies", prepare: func(f *caseDir) []string {
			f.write("p/README", "x")
			return f.scan(f.good(), "--policy",
				"p")
		}, code: 2, says: ".rego"},
		{name: "a policy that is not there", prepare: func(f *caseDir) []string { return f.scan(f.good(), "--policy", "nope.rego") }, code: 2,
			says: "nope.rego"},
		{name: "syntax", prepare: policy("package own\n\ndeny[\"x\"] contains r if {\n"), code: 2, says: "own.rego:"},
		{name: "deny as a complete rule", prepare: policy("package own\n\ndeny if true\n"), code: 2, says: "deny"},
		{name: "an id that is not constant", prepare: policy("package own\n\ndeny[id] contains \"x\" if some id in [\"a\"]\n"), code: 2,
			says: "own.rego:3"},
		{name: "an id twice", prepare: policy("package own\n\ndeny[\"user-root\"] contains \"x\" if false\n"), code: 2, says: "user-root"},
		{name: "the network",
			prepare: policy(denyRule(`http.send({"method": "get", "url": "http://127.0.0.1/"}).status_code == 200` + "\n" +
				`r := "x"`)), code: 2, says: "http.send"},
		{name: "the environment", prepare: policy(denyRule(`opa.runtime().env.HOME == "x"` + "\n" + `r := "x"`)), code: 2, says: "opa.runtime"},
		{name: "a policy test that fails", prepare: func(f *caseDir) []string {
			f.write("p/own.rego", denyRule(`r := "x"`))
			f.write("p/own_test.rego", "package own_test\n\ntest_never if false\n")
			return []string{"policy", "test", "p"}
		}, code: 1, says: "test_never"},
		{name: "no policy test", prepare: func(f *caseDir) []string {
			f.write("p/own.rego", denyRule(`r := "x"`))
			return []string{"policy", "test", "p"}
		}, code: 2, says: "test"},
	}
	for i := range out {
		out[i].class = "policies"
	}
	return out
}

func waiverFaults() []fault {
	// root is an image that user-root denies, so that a waiver could make it pass.
	waived := func(text string, args ...string) func(*caseDir) []string {
		return func(f *caseDir) []string {
			f.write("veto.yaml", "version: 1\nrules: {database-stale: warn, user-root: deny}\nwaivers: waivers.yaml\n")
			f.write("waivers.yaml", "version: 1\nwaivers:\n"+text)
			return append(f.bare(f.image("save", strings.ReplaceAll(goodImage, `{"User": "app"}`, "{}"))), args...)
		}
	}
	out := []fault{
		{name: "expired", prepare: waived("  - {rule: user-root, broad: true, reason: a, owner: b, expires: 2020-01-01}\n"), code: 1,
			says: "expired"},
		{name: "rule-wide without broad", prepare: waived("  - {rule: user-root, reason: a, owner: b, expires: 2099-01-01}\n"), code: 2,
			says: "waivers.yaml:3"},
		{name: "no reason", prepare: waived("  - {rule: user-root, broad: true, owner: b, expires: 2099-01-01}\n"), code: 2, says: "reason"},
		{name: "no owner", prepare: waived("  - {rule: user-root, broad: true, reason: a, expires: 2099-01-01}\n"), code: 2, says: "owner"},
		{name: "no expiry", prepare: waived("  - {rule: user-root, broad: true, reason: a, owner: b}\n"), code: 2, says: "expires"},
		{name: "an expiry that is no day", prepare: waived("  - {rule: user-root, broad: true, reason: a, owner: b, expires: 2099-13-01}\n"),
			code: 2, says: "2099-13-01"},
		{name: "an unknown rule", prepare: waived("  - {rule: user-rot, broad: true, reason: a, owner: b, expires: 2099-01-01}\n"), code: 2,
			says: `"user-root"`},
		{name: "an unknown key", prepare: waived("  - {rule: user-root, broad: true, reson: a, owner: b, expires: 2099-01-01}\n"), code: 2,
			says: `"reason"`},
		{name: "nothing to match", prepare: waived("  - {match: {}, reason: a, owner: b, expires: 2099-01-01}\n"), code: 2,
			says: "waivers.yaml:3"},
		{name: "for another image",
			prepare: waived("  - {rule: user-root, broad: true, images: [other/*], reason: a, owner: b, expires: 2099-01-01}\n", "--as",
				"example.test/good"), code: 1, says: "user-root"},
		{name: "for a name inside the archive",
			prepare: waived("  - {rule: user-root, broad: true, images: [\"example.test/*\"], reason: a, owner: b, expires: 2099-01-01}\n"),
			code:    1, says: "user-root"},
		{name: "a file that is not there", prepare: func(f *caseDir) []string { return f.scan(f.good(), "--waivers", "nope.yaml") }, code: 2,
			says: "nope.yaml"},
	}
	for i := range out {
		out[i].class = "waivers"
	}
	return out
}

func shardFaults() []fault {
	// shard builds a database of its own and lets change spoil its largest shard.
	shard := func(change func(f *caseDir, shard string)) func(*caseDir) []string {
		return func(f *caseDir) []string {
			source := testdata(f.t)
			code, _, stderr := vetoIn(f.t, f.dir, nil, "db", "update", "--db", "db", "--source", filepath.Join(source, "osv"), "--ecosystem",
				"Debian", "--source", "kev="+filepath.Join(source, "kev", "known_exploited_vulnerabilities.json"), "--as-of", clock, "--now", clock)
			if code != 0 {
				f.t.Fatal(stderr)
			}
			change(f, f.shard("db", "Debian:12"))
			return []string{"scan", f.good(), "--db", "db", "--now", clock, "-o", "json=run.json"}
		}
	}
	out := []fault{
		{name: "one byte flipped", prepare: shard(func(f *caseDir, s string) { f.flip(s) }), code: 3, says: "veto db update"},
		{name: "truncated", prepare: shard(func(f *caseDir, s string) { f.cut(s, 0.5) }), code: 3, says: "veto db update"},
		{name: "empty", prepare: shard(func(f *caseDir, s string) { f.cut(s, 0) }), code: 3, says: "veto db update"},
		{name: "missing", prepare: shard(func(f *caseDir, s string) { f.remove(s) }), code: 3, says: "veto db update"},
		{name: "manifest truncated", prepare: shard(func(f *caseDir, _ string) { f.cut("db/manifest.json", 0.5) }), code: 3,
			says: "manifest.json"},
		{name: "manifest of a later version", prepare: shard(func(f *caseDir, _ string) {
			text := regexp.MustCompile(`"schema_version": *2\b`).ReplaceAllString(f.read("db/manifest.json"), `"schema_version":99`)
			f.write("db/manifest.json", text)
		}), code: 3, says: "99"},
		{name: "no database", prepare: func(f *caseDir) []string { return []string{"scan", f.good(), "--db", "nope", "-o", "json=run.json"} },
			code: 3, says: "veto db update"},
		{name: "a source that is cut", prepare: func(f *caseDir) []string {
			b, err := os.ReadFile(filepath.Join(testdata(f.t), "osv", "npm", "all.zip"))
			if err != nil {
				f.t.Fatal(err)
			}
			f.write("osv/npm/all.zip", string(b[:len(b)/2]))
			return []string{"db", "update", "--db", "db", "--source", "osv", "--ecosystem", "npm"}
		}, code: 3, says: "all.zip"},
		{name: "--db none", prepare: func(f *caseDir) []string { return []string{"scan", f.good(), "--db", "none", "-o", "json=run.json"} },
			code: 1, says: "database-missing"},
		{name: "stale data", prepare: func(f *caseDir) []string { return f.bare(f.good()) }, code: 1, says: "database-stale"},
	}
	for i := range out {
		out[i].class = "database"
	}
	return out
}
