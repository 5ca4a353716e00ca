package image

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

const sampleConfig = `{"created":"2024-05-01T12:00:00.5+02:00","os":"linux","architecture":"arm","variant":"v7",
"config":{"User":"app","Env":["A=b"],
"Entrypoint":["/x"],"Cmd":["y"],"WorkingDir":"/srv","ExposedPorts":{"80/tcp":{},"22/tcp":{}},"Volumes":{"/data":{}},
"Labels":{"k":"v"},"StopSignal":"SIGQUIT",
"Healthcheck":{"Test":["CMD","true"]}},"rootfs":{"type":"layers","diff_ids":["sha256:` + hex64 + `","sha256:` + hex64 + `"]},
"history":[{"created_by":"FROM x"},{"created_by":"ENV A=b","empty_layer":true},
{"created_by":"RUN y","comment":"buildkit","created":"bad"}]}`

func TestParseConfig(t *testing.T) {
	c, err := parseConfig([]byte(sampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Config{User: "app", Env: []string{"A=b"}, Entrypoint: []string{"/x"}, Cmd: []string{"y"}, WorkingDir: "/srv",
		ExposedPorts: []string{"22/tcp", "80/tcp"},
		Volumes:      []string{"/data"}, Labels: map[string]string{"k": "v"}, StopSignal: "SIGQUIT", Healthcheck: []string{"CMD", "true"},
		Created: "2024-05-01T10:00:00.5Z",
		History: []engine.History{{CreatedBy: "FROM x"}, {CreatedBy: "ENV A=b", EmptyLayer: true}, {CreatedBy: "RUN y", Comment: "buildkit"}}}
	if diff := cmp.Diff(want, c.config); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]engine.Maybe{"FROM x", "RUN y"}, c.createdBy()); diff != "" || c.platform.String() != "linux/arm/v7" {
		t.Error(diff, c.platform)
	}
	c.diffIDs = c.diffIDs[:1]
	if by := c.createdBy(); by != nil {
		t.Errorf("a history of another length gives %v", by)
	}
	for change, fault := range map[[2]string]string{
		{`"layers"`, `"tiles"`}:         "rootfs",
		{hex64, "abc"}:                  "malformed",
		{`sha256:`, `md5:`}:             "neither sha256",
		{`"Env"`, `"User"`}:             "twice",
		{`["A=b"]`, `"A=b"`}:            "cannot unmarshal",
		{`"history":[`, `"history":[[`}: "invalid character",
	} {
		if _, err := parseConfig([]byte(strings.Replace(sampleConfig, change[0], change[1], 1))); err == nil ||
			!strings.Contains(err.Error(), fault) {
			t.Errorf("%v: %v, want %q", change, err, fault)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(sampleConfig))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b)
		if err == nil && !json.Valid(b) {
			t.Errorf("accepted %q", b)
		}
		if err == nil {
			if by := c.createdBy(); by != nil && len(by) != len(c.diffIDs) {
				t.Errorf("%d layers, %d instructions", len(c.diffIDs), len(by))
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"sha256:`+hex64+`","size":1},"layers":[]}`), "")
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:`+hex64+`","size":1,"platform":{"os":"linux"}}]}`),
		"application/vnd.oci.image.index.v1+json")
	f.Add([]byte(`[{"Config":"a","Layers":["b"],"RepoTags":["c:1"]}]`), "")
	f.Fuzz(func(t *testing.T, b []byte, mediaType string) {
		doc, err := parseManifest(b, mediaType)
		if err == nil && (doc.Manifests == nil) == (doc.Config == nil) {
			t.Errorf("%q is neither an index nor an image", b)
		}
		var entries []dockerEntry
		if decodeJSON(b, &entries) == nil {
			for _, e := range entries {
				digestOfName(e.Config)
			}
		}
	})
}
