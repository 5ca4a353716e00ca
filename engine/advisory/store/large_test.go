package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// manyNamed is a record that names n packages of npm.
func manyNamed(id string, n int) string {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"package":{"ecosystem":"npm","name":"p%d"},
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.%d"}]}]}`, i, i))
	}
	return fmt.Sprintf(`{"schema_version":"1.7.3","id":%q,"modified":"2026-01-02T03:04:05Z","affected":[%s]}`, id, strings.Join(entries, ","))
}

// A record of thousands of packages is decoded once, whichever of them are asked for, and has the entries of the one that is.
func TestLargeRecordIsDecodedOnce(t *testing.T) {
	const packages = 2000
	dir := t.TempDir()
	db := filepath.Join(dir, "db")
	source := mirror(t, map[string]map[string]string{"npm": {"A-1.json": manyNamed("A-1", packages),
		"A-2.json": record("A-2", "npm", "p7", "2")}})
	mustUpdate(t, options(db, source, "npm"))
	write(t, filepath.Join(dir, "files", "A-1.json"), []byte(manyNamed("A-1", packages)))
	write(t, filepath.Join(dir, "files", "A-2.json"), []byte(record("A-2", "npm", "p7", "2")))
	for name, path := range map[string]string{"built": db, "directory": filepath.Join(dir, "files")} {
		d := mustOpen(t, path)
		for i := range packages {
			records, err := d.Affecting(t.Context(), "npm", fmt.Sprintf("p%d", i))
			if err != nil {
				t.Fatal(err)
			}
			want := 1
			if i == 7 {
				want = 2
			}
			if len(records) != want || records[0].ID != "A-1" || len(records[0].Affected) != 1 ||
				records[0].Affected[0].Ranges[0].Events[1].Fixed != fmt.Sprintf("1.0.%d", i) {
				t.Fatalf("%s: p%d: %+v", name, i, records)
			}
		}
		info, _ := d.shardFor("npm")
		if large := d.largeRecords(info); len(large.byID) != 1 || len(large.byID["A-1"].byKey) != packages {
			t.Errorf("%s: %d records are kept", name, len(large.byID))
		}
		if records, err := d.Affecting(t.Context(), "npm", "p2000"); err != nil || len(records) != 0 {
			t.Errorf("%s: another package: %+v, %v", name, records, err)
		}
	}
}
