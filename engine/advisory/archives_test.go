package advisory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// about is a record that says that every version of a package of Maven is affected.
func about(id, name string) Advisory {
	return Advisory{ID: id, Affected: []Affected{{Ecosystem: "Maven", Name: name,
		Ranges: []Range{{Type: "ECOSYSTEM", Events: []Event{{Introduced: "0"}}}}}}}
}

// TestArchivesWithoutCoordinates names archives by their names and the folders of their classes.
func TestArchivesWithoutCoordinates(t *testing.T) {
	store := newStore([]Advisory{about("1", "org.springframework:spring-beans"), about("2", "org.apache.logging.log4j:log4j-core"),
		about("3", "com.fasterxml.jackson.core:jackson-databind"), about("4", "log4j:log4j"), about("5", "com.google.code.gson:gson"),
		about("6", "commons-collections:commons-collections"), about("7", "org.example.a:core"), about("8", "org.example.b:core"),
		about("9", "org.springframework.boot:spring-boot")}, "")
	for _, c := range []struct{ name, version, folders, want string }{
		{"spring-beans", "5.3.9", "org/springframework/beans", "org.springframework:spring-beans 5.3.9 1"},
		{"log4j-core", "2.14.1", "org/apache/logging/log4j/core", "org.apache.logging.log4j:log4j-core 2.14.1 2"},
		{"jackson-databind", "2.9.8", "com/fasterxml/jackson/databind/ser", "com.fasterxml.jackson.core:jackson-databind 2.9.8 3"},
		{"log4j", "1.2.17", "org/apache/log4j/spi", "log4j:log4j 1.2.17 4"},
		{"gson", "2.8.1", "com/google/gson", "com.google.code.gson:gson 2.8.1 5"},
		{"commons-collections", "3.1", "org/apache/commons/collections/map", "commons-collections:commons-collections 3.1 6"},
		{"core", "1", "org/example/b", "org.example.b:core 1 8"}, // of two the one whose group the folder names
		{"core", "1", "com/acme/core", "core 1"},
		{"spring-beans", "1", "com/acme/beans", "spring-beans 1"}, // somebody else's of that name
		{"spring-beans", "", "org/springframework/beans", "gap: nothing says which version"},
		{"app", "", "com/acme/app", ""},
		{"app", "1.0", "com/acme/app", "app 1.0"},
		{"lib", "", "org/apache/logging/log4j/core/lookup", "gap: it has classes of org.apache.logging.log4j:log4j-core"},
		{"app", "", "com/acme org/springframework/beans", ""},
		{"app", "1.0", "com/acme org/apache/logging/log4j/core", "app 1.0 gap: it has classes of org.apache.logging.log4j:log4j-core"},
		{"log4j-api", "2.14.1", "org/apache/logging/log4j/spi org/apache/logging/log4j/util", "log4j-api 2.14.1"},
	} {
		p := engine.Package{Name: c.name, Version: c.version, Type: "maven", Ecosystem: "Maven",
			Archive: &engine.JavaArchive{Names: []string{c.name}, Folders: strings.Fields(c.folders)}}
		inv := &engine.Inventory{Packages: []engine.Package{p}}
		m, err := NewMatcher(store).Match(t.Context(), inv, clock())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range inv.Packages {
			got = append(got, p.Name+" "+p.Version)
		}
		for _, f := range m.Findings {
			got = append(got, f.ID)
		}
		for _, g := range m.Gaps {
			_, tail, _ := strings.Cut(g.Detail, ", and ")
			if strings.HasPrefix(g.Detail, "it has classes") {
				tail, _, _ = strings.Cut(g.Detail, ", and")
			}
			got = append(got, "gap: "+strings.TrimSuffix(tail, " they are"))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s %s %s (-want +got):\n%s", c.name, c.version, c.folders, diff)
		}
	}
}

// What a package of the distribution owns is that package's: it needs no name, and without a version it is no package of its own.
func TestArchivesThatAreOwned(t *testing.T) {
	owner := engine.Package{Name: "libx-java", Version: "1", Type: "deb", Ecosystem: "Debian:12", Origin: engine.PackageOrigin{Own: true},
		Source: engine.Source{Name: "x", Version: "1"}}
	jar := func(name, version string) engine.Package {
		return engine.Package{Name: name, Version: version, Type: "maven", Ecosystem: "Maven", OwnedBy: "deb/libx-java",
			Archive: &engine.JavaArchive{Names: []string{name}, Folders: []string{"org/example/a"}}}
	}
	inv := &engine.Inventory{Packages: []engine.Package{owner, jar("core", ""), jar("core", "1")}}
	records := []Advisory{about("1", "org.example.a:core"), {ID: "2", Affected: []Affected{{Ecosystem: "Debian:12", Name: "y",
		Ranges: []Range{{Type: "ECOSYSTEM", Events: []Event{{Introduced: "0"}}}}}}}}
	m, err := NewMatcher(newStore(records, "")).Match(t.Context(), inv, clock())
	if err != nil || len(m.Findings)+len(m.Gaps) > 0 || len(inv.Packages) != 2 {
		t.Errorf("%+v, %+v, %v", inv.Packages, m, err)
	}
}

// Of archives that turn out to be a package that is there, one is left, with both places.
func TestArchiveOfAKnownPackage(t *testing.T) {
	named := engine.Package{Name: "org.example.a:core", Version: "1", Type: "maven", Ecosystem: "Maven",
		Locations: []engine.Location{{Path: "b.jar"}}}
	unnamed := engine.Package{Name: "core", Version: "1", Type: "maven", Ecosystem: "Maven", Locations: []engine.Location{{Path: "a.jar"}},
		Archive: &engine.JavaArchive{Names: []string{"core"}, Folders: []string{"org/example/a"}}}
	inv := &engine.Inventory{Packages: []engine.Package{unnamed, named}}
	m, err := NewMatcher(newStore([]Advisory{about("1", "org.example.a:core")}, "")).Match(t.Context(), inv, clock())
	if err != nil || len(m.Findings) != 1 || len(inv.Packages) != 1 || len(inv.Packages[0].Locations) != 2 ||
		inv.Packages[0].Locations[0].Path != "a.jar" || inv.Packages[0].PURL != "pkg:maven/org.example.a/core@1" {
		t.Errorf("%+v, %v", inv.Packages, err)
	}
}
