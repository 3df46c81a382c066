package constraint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of one evaluation. A usual one takes some milliseconds and 20 MiB.
const (
	timeout   = 10 * time.Second
	maxCPU    = 5         // seconds
	maxMemory = 256 << 20 // resident bytes
	maxSpace  = 2 << 30   // bytes of the address space (getrlimit(2), RLIMIT_AS); Go reserves more than it uses
	maxOutput = 64 << 10
)

// processVariable is set in the environment of the process that evaluates.
const processVariable = "LINUXKIT_ACTION_EVALUATE_CUE"

// init runs the evaluation where the program was started for it. CUE cannot be
// interrupted, and its memory cannot be bounded, so it runs in a process of its own: the
// same program. As an init function it works in every program that imports the package,
// tests included.
func init() {
	if os.Getenv(processVariable) != "" {
		os.Exit(serve(os.Stdin, os.Stdout))
	}
}

// task is the input of one evaluation: of Check, or else of Parse.
type task struct {
	File, Text    string
	PredicateType string // for Parse
	Check         bool
	Statement     []byte // for Check
}

// verdict is the output.
type verdict struct{ Error string }

// serve evaluates one task and returns the exit code.
func serve(in io.Reader, out io.Writer) int {
	for resource, limit := range map[int]uint64{unix.RLIMIT_AS: maxSpace, unix.RLIMIT_CPU: maxCPU, unix.RLIMIT_CORE: 0} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			fmt.Fprintln(os.Stderr, "setrlimit:", err)
			return 1
		}
	}
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var v verdict
	if err := t.run(); err != nil {
		v.Error = err.Error()
	}
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return 1
	}
	return 0
}

// run evaluates. A panic of CUE becomes an error.
func (t task) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("CUE panicked: %v", v)
		}
	}()
	c := &Constraint{file: t.File, text: t.Text}
	if t.Check {
		return c.compare(t.Statement)
	}
	return c.validate(t.PredicateType)
}

// evaluating is locked during an evaluation: the limits are those of all.
var evaluating sync.Mutex

// evaluate runs a task in a process without environment. It returns ctx.Err() if ctx ends
// first.
func evaluate(ctx context.Context, t task) error {
	evaluating.Lock()
	defer evaluating.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	input, err := json.Marshal(t)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var output, failure limitedBuffer
	command := exec.CommandContext(limited, "/proc/self/exe")
	command.Env = []string{processVariable + "=1"}
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &output, &failure
	if err := command.Start(); err != nil {
		return fmt.Errorf("CUE evaluation: %w", err)
	}
	large := make(chan bool, 1)
	go func() { large <- killLarge(limited, command.Process) }()
	err = command.Wait()
	cancelled := limited.Err()
	cancel()
	if <-large {
		return errMemory
	}
	if err != nil {
		return failed(ctx, cancelled, err, failure.String())
	}
	var v verdict
	if err := json.Unmarshal(output.Bytes(), &v); err != nil {
		return fmt.Errorf("CUE evaluation: %w", err)
	}
	if v.Error != "" {
		return errors.New(v.Error)
	}
	return nil
}

var errMemory = fmt.Errorf("CUE evaluation exceeded %d MiB of memory", maxMemory>>20)

// killLarge kills a process that takes more than maxMemory, and reports whether it has. It
// returns when ctx ends.
func killLarge(ctx context.Context, process *os.Process) bool {
	const interval = 5 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
		if residentBytes(process.Pid) > maxMemory && process.Kill() == nil {
			return true
		}
	}
}

// residentBytes returns the resident memory of a process (proc(5), /proc/pid/statm), or 0.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// failed returns why a process failed.
func failed(ctx context.Context, limit, err error, text string) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limit != nil:
		return fmt.Errorf("CUE evaluation exceeded %v", timeout)
	case strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory"):
		return errMemory
	case strings.Contains(text, "stack overflow") || strings.Contains(text, "stack exceeds"):
		return errors.New("CUE evaluation exceeded the stack")
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		return fmt.Errorf("CUE evaluation exceeded %d s of CPU time", maxCPU)
	}
	first, _, _ := strings.Cut(text, "\n")
	return fmt.Errorf("CUE evaluation: %w: %.200s", err, first)
}

// limitedBuffer keeps the first maxOutput bytes.
type limitedBuffer struct{ bytes.Buffer }

// Write implements io.Writer. It never fails.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	_, _ = b.Buffer.Write(p[:min(len(p), max(0, maxOutput-b.Len()))])
	return len(p), nil
}
