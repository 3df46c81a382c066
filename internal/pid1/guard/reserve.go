package guard

import (
	"runtime"
	"sync"
)

// Reserve makes n threads for later. Go's runtime needs one more whenever all it
// has are in system calls, and ends the process where the kernel refuses, as it
// does while a service has taken all processes there are. A thread that it has
// made it keeps.
func Reserve(n int) {
	var ready, over sync.WaitGroup
	ready.Add(n)
	for range n {
		over.Add(1)
		Go("reserve", func() {
			defer over.Done()
			runtime.LockOSThread() // so that each has one of its own
			defer runtime.UnlockOSThread()
			ready.Done()
			ready.Wait()
		})
	}
	over.Wait()
}
