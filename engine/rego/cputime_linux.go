package rego

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns a clock of the processor time that the calling thread has used. Any thread may read it, as long as the calling one
// lives. It counts what a rule does, and not how long it waits for a processor: the verdict on a busy machine is that on an idle one.
func threadTime() func() (time.Duration, error) {
	// The number of a thread's clock is made of its id (pthread_getcpuclockid(3); linux/posix-timers.h, CPUCLOCK_PERTHREAD and
	// CPUCLOCK_SCHED).
	clock := int32(^unix.Gettid()<<3 | 4 | 2) // a thread's id has 22 bits
	return func() (time.Duration, error) {
		var ts unix.Timespec
		err := unix.ClockGettime(clock, &ts)
		return time.Duration(ts.Nano()), err
	}
}
