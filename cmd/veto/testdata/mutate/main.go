// Command mutate makes one small mistake at a time in the code below a folder, and prints those that no test notices.
//
//	go run ./cmd/veto/testdata/mutate -dir engine/image -n 40 -seed 1
//
// The mistakes are those of sites.go: a condition negated or forced, a boundary moved by one, && for ||, an error not returned, a
// statement left out, a result replaced by its zero value. A seeded sample is tried: each mutant goes through the tests of its own package,
// and if those pass through the end-to-end tests of cmd/veto. The tree itself is never changed: a mutant is an overlay (go help build,
// -overlay).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// endToEnd are the tests of cmd/veto that go through every stage.
const endToEnd = "^(TestFaults|TestScript|TestExamples|TestKinds)"

// What became of a mutant.
const (
	noticed  = "noticed"
	survived = "survived"
	unbuilt  = "does not build"
)

func main() {
	dir := flag.String("dir", "engine", "the folder whose code is changed, below the repository's root")
	n := flag.Int("n", 40, "how many mutants to try")
	seed := flag.Uint64("seed", 1, "of the sample")
	from := flag.Int("from", 0, "where in the sample to begin, to go on with an earlier run")
	only := flag.String("only", "", "a single FILE:LINE, all mutants of that line")
	timeout := flag.Duration("timeout", 2*time.Minute, "of one run of tests; a mutant that hangs counts as noticed")
	list := flag.Bool("list", false, "print the sample and try nothing")
	flag.Parse()
	if err := mutate(*dir, *n, *from, *seed, *only, *timeout, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func mutate(dir string, n, from int, seed uint64, only string, timeout time.Duration, list bool) error {
	sites, err := find(dir)
	if err != nil {
		return err
	}
	total := len(sites)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	sites = sites[min(from, len(sites)):]
	if only != "" {
		var kept []site
		for _, s := range sites {
			if s.where() == only {
				kept = append(kept, s)
			}
		}
		sites, n = kept, len(kept)
	}
	fmt.Printf("%d places below %s, seed %d\n", total, dir, seed)
	count := map[string]int{}
	for i, s := range sites {
		if count[noticed]+count[survived] >= n {
			break
		}
		if list {
			count[noticed]++
			fmt.Printf("%5d  %s  %s\n", from+i, s.where(), s.what)
			continue
		}
		verdict, err := try(s, timeout)
		if err != nil {
			return err
		}
		count[verdict]++
		fmt.Printf("%-14s %5d  %s  %s\n", verdict, from+i, s.where(), s.what)
	}
	fmt.Printf("%d tried, %d noticed, %d survived (%d more did not build)\n", count[noticed]+count[survived], count[noticed], count[survived],
		count[unbuilt])
	return nil
}

// try builds a mutant and runs tests until one fails.
func try(s site, timeout time.Duration) (string, error) {
	tmp, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	src, err := os.ReadFile(s.file)
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(tmp, "mutant.go"), filepath.Join(tmp, "overlay.json")
	text := string(src[:s.from]) + s.with + string(src[s.to:])
	path, err := filepath.Abs(s.file)
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	pkg := "./" + filepath.Dir(s.file)
	switch {
	case !passes(timeout, "build", "-overlay", overlay, "-o", os.DevNull, pkg):
		return unbuilt, nil
	case !passes(timeout, "test", "-vet=off", "-short", "-count=1", "-failfast", "-overlay", overlay, pkg):
		return noticed, nil
	case !passes(timeout, "test", "-vet=off", "-short", "-count=1", "-failfast", "-overlay", overlay, "-run", endToEnd, "./cmd/veto"):
		return noticed, nil
	}
	return survived, nil
}

func passes(timeout time.Duration, args ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "VETO_") || strings.HasPrefix(kv, "VETO_TESTDATA=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.WaitDelay = time.Second
	return cmd.Run() == nil
}
