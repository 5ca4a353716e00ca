package image

import (
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
)

// configuration is an image configuration: what the facts carry, and what is needed to open the image.
type configuration struct {
	config   engine.Config
	platform engine.Platform // in normal form; zero, or a part of it empty, where it says none
	diffIDs  []engine.Digest
}

// ociConfig is the OCI image configuration with Docker's extensions (image-spec config.md).
type ociConfig struct {
	Created      string `json:"created"`
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		User         string              `json:"User"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		WorkingDir   string              `json:"WorkingDir"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Volumes      map[string]struct{} `json:"Volumes"`
		Labels       map[string]string   `json:"Labels"`
		StopSignal   string              `json:"StopSignal"`
		Healthcheck  *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		Type    string          `json:"type"`
		DiffIDs []engine.Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    string `json:"created"`
		CreatedBy  string `json:"created_by"`
		Comment    string `json:"comment"`
		EmptyLayer bool   `json:"empty_layer"`
	} `json:"history"`
}

// parseConfig reads an image configuration of at most engine.MaxConfig bytes.
func parseConfig(raw []byte) (*configuration, error) {
	if len(raw) > engine.MaxConfig {
		return nil, &engine.LimitError{What: "size of the image configuration", Limit: engine.MaxConfig}
	}
	var in ociConfig
	if err := decodeJSON(raw, &in); err != nil {
		return nil, fmt.Errorf("the image configuration: %w", err)
	}
	if in.RootFS.Type != "layers" {
		return nil, fmt.Errorf("the image configuration: its rootfs is of type %q, not \"layers\"", in.RootFS.Type)
	}
	for i, d := range in.RootFS.DiffIDs {
		if _, err := newHash(d); err != nil {
			return nil, fmt.Errorf("the image configuration: layer %d: %w", i+1, err)
		}
	}
	c := &configuration{diffIDs: in.RootFS.DiffIDs,
		platform: normalPlatform(engine.Platform{OS: in.OS, Architecture: in.Architecture, Variant: engine.Maybe(in.Variant)})}
	c.config = engine.Config{
		User: engine.Maybe(in.Config.User), Env: in.Config.Env, Entrypoint: in.Config.Entrypoint, Cmd: in.Config.Cmd,
		WorkingDir: engine.Maybe(in.Config.WorkingDir), ExposedPorts: sortedKeys(in.Config.ExposedPorts), Volumes: sortedKeys(in.Config.Volumes),
		Labels: in.Config.Labels, StopSignal: engine.Maybe(in.Config.StopSignal), Created: timestamp(in.Created),
	}
	if in.Config.Healthcheck != nil {
		c.config.Healthcheck = in.Config.Healthcheck.Test
	}
	for _, h := range in.History {
		c.config.History = append(c.config.History, engine.History{Created: timestamp(h.Created), CreatedBy: engine.Maybe(h.CreatedBy),
			Comment: engine.Maybe(h.Comment), EmptyLayer: h.EmptyLayer})
	}
	return c, nil
}

// createdBy returns for each layer the instruction that made it, by the history. It returns nil when the history describes another number
// of layers.
func (c *configuration) createdBy() []engine.Maybe {
	var by []engine.Maybe
	for _, h := range c.config.History {
		if !h.EmptyLayer {
			by = append(by, h.CreatedBy)
		}
	}
	if len(by) != len(c.diffIDs) {
		return nil
	}
	return by
}

// timestamp normalises an RFC 3339 time to UTC; the empty string, unknown, stands for what is no such time.
func timestamp(s string) engine.Maybe {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return ""
	}
	return engine.Maybe(t.UTC().Format(time.RFC3339Nano))
}

func sortedKeys(m map[string]struct{}) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// decodeJSON reads one JSON value into v. It refuses JSON that is nested too deep, and keys that stand twice in an object, because tools
// differ in which of the two they read.
func decodeJSON(raw []byte, v any) error {
	if err := document.CheckJSON(raw); err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}
