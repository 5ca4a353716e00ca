package main

import (
	"slices"
	"testing"
)

func faults() []fault {
	return slices.Concat(sourceFaults(), digestFaults(), agreementFaults(), registryFaults(), pathFaults(), wordFaults(), typoFaults(),
		policyFaults(), waiverFaults(), shardFaults())
}

func TestFaults(t *testing.T) {
	classes := map[string]int{}
	for _, c := range faults() {
		classes[c.class]++
		t.Run(c.class+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
	total := 0
	for class, n := range classes {
		total += n
		if n < 5 {
			t.Errorf("class %s has %d faults, want at least 5", class, n)
		}
	}
	t.Logf("%d faults in %d classes", total, len(classes))
	if total < 60 {
		t.Errorf("%d faults, want at least 60", total)
	}
}
