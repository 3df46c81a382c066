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

	"github.com/org/linuxkit-action/internal/gha"
)

// Main runs the program with args and returns the exit code. The first interrupt stops
// the work and cleans up; a second one is left to the system.
func Main(args []string) int {
	log.SetOutput(io.Discard) // libraries chat there of what they try; errors say what came of it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if inAction(args) {
		return runAction(ctx)
	}
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if gha.Inside() {
		job := gha.Start(os.Stderr) // what is told may be a stranger's text
		defer job.Close()
		defer job.Annotate(err)
	}
	explainFailure(os.Stderr, err)
	return exitCode(ctx, err)
}
