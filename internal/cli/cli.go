// Package cli is the program linuxkit-action: the commands with their flags, the
// GitHub Action, and the pipeline that both run. cmd/linuxkit-action and cmd/action
// only call Main.
//
// root.go lists the commands, pipeline.go has one method for each step, and action.go
// runs the steps in a GitHub job, where the inputs of action.yml replace the flags.
package cli

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/gha"
)

// Main runs the program with args and returns the exit code. The first interrupt cancels
// the work, which cleans up; a second one ends the program at once.
func Main(args []string) int {
	log.SetOutput(io.Discard) // libraries log their attempts there; errors have the result
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if inAction(args) {
		return runAction(ctx)
	}
	root := newRoot()
	root.SetArgs(args)
	err := crash.Guard(func() error { return root.ExecuteContext(ctx) })()
	if gha.Inside() {
		job := gha.Start(os.Stderr) // the error may quote untrusted text
		defer job.Close()
		defer job.Annotate(err)
	}
	explainFailure(os.Stderr, err)
	return exitCode(ctx, err)
}
