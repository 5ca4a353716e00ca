package cache

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// workerOf makes the test binary be one process that uses the cache in the folder that it names.
const workerOf = "VETO_TEST_CACHE_WORKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerOf); dir != "" {
		os.Exit(worker(dir))
	}
	os.Exit(m.Run())
}

const (
	crowdKeys  = 40
	crowdLimit = 64 * diskBlock // room for a third of them
)

// crowdFacts are what is stored under a key, always.
func crowdFacts(i int) *engine.LayerFacts { return distribution(20+20*(i%9), 2) }

// crowd uses a cache as scans do, until it has seen many hits or something that is wrong.
func crowd(c *Cache, seed uint64, rounds int) error {
	rnd := rand.New(rand.NewPCG(seed, 9))
	for range rounds {
		i := rnd.IntN(crowdKeys)
		key := keyOf(fmt.Sprint(i))
		lf, ok := c.Load(key)
		switch {
		case ok && !reflect.DeepEqual(lf, crowdFacts(i)):
			return fmt.Errorf("key %d gave %+v", i, lf)
		case !ok:
			if err := c.Store(key, crowdFacts(i)); err != nil {
				return fmt.Errorf("key %d: %w", i, err)
			}
		}
		state := fmt.Sprint("state ", i)
		want := engine.Digest("sha256:" + keyOf(state))
		if d, ok := c.Hashed(state); ok && d != want {
			return fmt.Errorf("state %d gave %s", i, d)
		}
		if err := c.Record(state, want); err != nil {
			return fmt.Errorf("state %d: %w", i, err)
		}
	}
	return nil
}

// worker runs until it is killed.
func worker(dir string) int {
	c, err := Open(dir, crowdLimit, time.Now)
	for err == nil {
		if err = crowd(c, uint64(time.Now().UnixNano()), 20); err == nil {
			fmt.Println("well")
		}
	}
	fmt.Println(err)
	return 1
}

func TestManyAtOnce(t *testing.T) {
	c, dir := open(t, crowdLimit)
	var wg sync.WaitGroup
	for g := range uint64(100) {
		wg.Go(func() {
			if err := crowd(c, g, 4); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if total := onDisk(t, dir); total > crowdLimit {
		t.Errorf("%d bytes are held, more than %d", total, crowdLimit)
	}
}

// Processes that share a folder and are killed at any moment: every hit is what was stored, and the limit holds.
func TestKilledProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layers")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const (
		processes = 6
		lives     = 8
		// What a process writes at one moment is one file.
		flying = processes * 8 * diskBlock
	)
	var wg sync.WaitGroup
	var most int64
	for p := range processes {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(p), 4))
			for range lives {
				if err := life(self, dir, time.Duration(20+rnd.IntN(200))*time.Millisecond); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(5 * time.Millisecond):
			if _, err := os.Stat(dir); err == nil {
				most = max(most, onDisk(t, dir))
			}
		}
	}
	c, err := Open(dir, crowdLimit, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d bytes under a limit of %d; %d files left by killed processes", most, crowdLimit, len(left))
	if most > crowdLimit+flying {
		t.Errorf("%d bytes were held at once, under a limit of %d", most, crowdLimit)
	}
	if err := crowd(c, 1, 5); err != nil {
		t.Error(err)
	}
	if total := onDisk(t, dir); total > crowdLimit {
		t.Errorf("%d bytes are held, more than %d", total, crowdLimit)
	}
	hits := 0
	for i := range crowdKeys {
		if lf, ok := c.Load(keyOf(strconv.Itoa(i))); ok {
			if hits++; !reflect.DeepEqual(lf, crowdFacts(i)) {
				t.Errorf("key %d gives %+v", i, lf)
			}
		}
	}
	if hits == 0 {
		t.Error("nothing was kept")
	}
}

// life starts a worker and kills it after a while. What it says before must be good.
func life(self, dir string, after time.Duration) error {
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), workerOf+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var bad error
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() != "well" {
			bad = fmt.Errorf("a worker says: %s", lines.Text())
		}
	}
	cmd.Wait() // it was killed
	return bad
}
