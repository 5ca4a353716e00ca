package catalog

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// mutator changes files at random. VETO_MUTANTS is how many it makes, VETO_SEED which.
type mutator struct {
	*rand.Rand
	count int
}

func newMutator(t *testing.T, count int) *mutator {
	t.Helper()
	if os.Getenv("VETO_ORACLES") == "" {
		t.Skip("VETO_ORACLES is not set")
	}
	number := func(variable string, otherwise int) int {
		v := os.Getenv(variable)
		if v == "" {
			return otherwise
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			t.Fatalf("%s: %q is no number", variable, v)
		}
		return n
	}
	return &mutator{rand.New(rand.NewPCG(uint64(number("VETO_SEED", 1)), 7)), number("VETO_MUTANTS", count)} // a seed
}

// name is one of those that a file may have.
func (m *mutator) name(names ...string) string { return names[m.IntN(len(names))] }

// bytes are n random ones.
func (m *mutator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

// flip changes one to three bytes between from and to.
func (m *mutator) flip(b []byte, from, to int) {
	for range 1 + m.IntN(3) {
		if to = min(to, len(b)); from < to {
			b[from+m.IntN(to-from)] ^= byte(1 + m.IntN(255))
		}
	}
}

// seen is what inspectors say of one file: packages, "name@version", and whether there is a gap.
type seen struct {
	packages map[string]bool
	gap      string
	unnamed  bool // an archive of Java that does not say its coordinates
}

// look shows a file to all inspectors that want it, seekable or as a stream.
func look(t *testing.T, name string, executable bool, body []byte, stream bool) seen {
	t.Helper()
	out := seen{packages: map[string]bool{}}
	e := engine.Entry{Path: "opt/" + name, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
	if executable {
		e.Mode = 0o755
	}
	for _, insp := range All() {
		if !wants(insp, e.Path, e.Mode, body, stream) {
			if by, ok := insp.(engine.Passing); ok && stream {
				var edges engine.Edges
				if err := fileOf(e, body, true).ReadEdges(&edges); err != nil {
					t.Fatal(err)
				}
				if g := by.PassedBy(e.Path, &edges, body[max(0, len(body)-engine.PassingBytes):]); g != nil {
					out.gap += g.Detail + "; "
				}
			}
			continue
		}
		ev, err := insp.Inspect(t.Context(), fileOf(e, body, stream))
		for _, p := range ev.Packages {
			line, _, _ := strings.Cut(p.Name+"@"+p.Version, "\n") // the go command prints a version with a line feed in two lines
			out.packages[line] = true
			out.unnamed = out.unnamed || p.Archive != nil
		}
		for _, g := range ev.Gaps {
			out.gap += g.Detail + "; "
		}
		if err != nil {
			out.gap += err.Error() + "; "
		}
	}
	return out
}
