package main

import (
	"context"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/engine/waiver"
)

// maxEvaluation is how many bytes of heap the policies may add before they are stopped: Rego has no bound of its own.
const maxEvaluation = 2 << 30

// watched is a policy under a watchdog: rules that eat the machine's memory end in exit 3, not in the kernel's killer.
type watched struct {
	*rego.Policy
	waivers *waiver.File
	end     func(error) // ends the process
}

// Info adds the waiver file's digest to what the policies say of themselves.
func (w watched) Info() engine.PolicyInfo {
	info := w.Policy.Info()
	info.Mode = "enforce"
	if w.waivers != nil {
		info.Waivers = w.waivers.Digest()
	}
	return info
}

// Decide evaluates until the rules are done or the heap has grown by maxEvaluation. What does not stop when it is asked, such as a built-in
// function that makes a text of gigabytes, ends with the process.
func (w watched) Decide(ctx context.Context, in *engine.Input) ([]engine.RuleResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer close(done)
	go w.watch(heapBytes()+maxEvaluation, done, cancel)
	rules, err := w.Policy.Decide(ctx, in)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return rules, err
}

// watch cancels an evaluation when the heap has more bytes than limit, and ends the process if that does not help.
func (w watched) watch(limit uint64, done <-chan struct{}, cancel context.CancelCauseFunc) {
	err := fmt.Errorf("the policies use more than %d MB of memory", maxEvaluation>>20)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if heapBytes() <= limit {
			continue
		}
		cancel(err)
		for end := time.Now().Add(patience); time.Now().Before(end) && heapBytes() < 2*limit; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
		w.end(err)
		return
	}
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
