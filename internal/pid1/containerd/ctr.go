package containerd

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

// maxAnswer bounds what is read of ctr's answer. A pipe holds as much (pipe(7)), so
// ctr never waits for its reader.
const maxAnswer = 64 << 10

// errRefused is what ctr says in more words on its standard error.
var errRefused = errors.New("containerd refused")

// ctr calls ctr, with standard error to where the words of a refusal are to go.
func (r *Runtime) ctr(ctx context.Context, namespace string, stdout, stderr *os.File, args ...string) error {
	args = append([]string{"ctr", "--address", r.Place.Socket, "--namespace", namespace}, args...)
	status, err := r.Reaper.Run(ctx, process.Program{
		Path: r.Place.Client, Args: args, Env: r.Environ, Stdin: r.Null, Stdout: stdout, Stderr: stderr,
	})
	if err == nil && status != 0 {
		err = errRefused
	}
	return err
}

// ask calls ctr and returns all that it says.
func (r *Runtime) ask(ctx context.Context, namespace string, args ...string) (string, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer reader.Close()
	err = r.ctr(ctx, namespace, writer, writer, args...)
	_ = writer.Close() // nothing was written to it here
	if late := reader.SetReadDeadline(time.Now().Add(time.Second)); late != nil {
		return "", late
	}
	said, _ := io.ReadAll(io.LimitReader(reader, maxAnswer)) // what there is
	return strings.TrimSpace(string(said)), err
}

// exitWords are in the warning by which "ctr tasks delete" tells the exit status of a
// task, where it is not 0 (containerd, cmd/ctr/commands/tasks/delete.go).
const exitWords = "exit with non-zero exit code "

// statusOf reads what "ctr tasks delete" has said. An end by signal N and an exit with
// 128+N cannot be told apart: the shim makes one of the other.
func statusOf(said string) (syscall.WaitStatus, bool) {
	if said == "" {
		return 0, true
	}
	_, rest, found := strings.Cut(said, exitWords)
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	code, err := strconv.ParseUint(rest, 10, 8)
	if !found || err != nil {
		return process.Lost, false
	}
	const signals = 128
	if code > signals && code <= signals+64 {
		return syscall.WaitStatus(code - signals), true
	}
	return syscall.WaitStatus(code << 8), true
}
