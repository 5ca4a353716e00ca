package catalog

import "testing"

func TestNpmWants(t *testing.T) {
	for p, want := range map[string]bool{
		"node_modules/a/package.json":                              true,
		"srv/node_modules/@s/a/package.json":                       true,
		"srv/node_modules/a/node_modules/b/package.json":           true,
		"srv/node_modules/a/lib/package.json":                      false,
		"srv/node_modules/@s/package.json":                         false,
		"srv/node_modules/.cache/package.json":                     false,
		"srv/my_node_modules/a/package.json":                       false,
		"srv/package.json":                                         false,
		"usr/share/nodejs/acorn/package.json":                      true,
		"usr/share/nodejs/@types/node/package.json":                true,
		"usr/share/nodejs/acorn/dist/package.json":                 false,
		"usr/share/nodejs/acorn/node_modules/b/package.json":       true,
		"usr/lib/nodejs/a/package.json":                            true,
		"usr/lib/x86_64-linux-gnu/nodejs/a/package.json":           true,
		"usr/lib/x86_64-linux-gnu/nodejs/a/package.json/b":         false,
		"usr/lib/x86_64-linux-gnu/mynodejs/a/package.json":         false,
		"usr/lib/python3/dist-packages/x/nodejs/deep/package.json": false,
		"usr/share/nodejs/package.json":                            false,
	} {
		if got := (npm{}).Wants(p, 0o644, 10); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
}
