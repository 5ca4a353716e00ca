package rego_test

import (
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

func clock() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

func TestLibraryLoadsAndDecides(t *testing.T) {
	o := rego.Options{Library: policies.Library(), Schema: policies.InputSchema(), At: clock()}
	p, err := rego.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	in := &engine.Input{Facts: engine.Facts{SchemaVersion: "1", Now: clock().Format(time.RFC3339),
		Database: engine.Database{State: "ok", KEV: &engine.Shard{Ecosystem: "kev", AgeDays: new(int)}}}}
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(in)
	got, err := p.Decide(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]engine.Status{
		"inventory-empty": engine.StatusDeny, "user-root": engine.StatusWarn, "vuln-likely-exploited": engine.StatusNotApplicable,
	}
	for _, r := range got {
		status := want[r.ID]
		if status == "" {
			status = engine.StatusPass
		}
		if r.Status != status {
			t.Errorf("%s: %s (%s), want %s", r.ID, r.Status, r.Note, status)
		}
	}
	if len(got) < 10 {
		t.Errorf("%d rules, want at least 10", len(got))
	}
}

func TestLibraryTests(t *testing.T) {
	o := rego.TestOptions{Library: policies.Tests(), LibraryTests: true, Schema: policies.InputSchema(), Coverage: true}
	report, err := rego.Test(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Tests {
		if !r.Passed {
			t.Errorf("%s: %s failed: %s", r.Location, r.Name, r.Output)
		}
	}
	if len(report.Tests) < 30 || report.Coverage.Percent < 95 {
		t.Errorf("%d tests cover %.1f %%: missed %v", len(report.Tests), report.Coverage.Percent, report.Coverage.Missed)
	}
}
