// Command linuxkit-action turns a LinuxKit manifest into a verified, reproducible,
// boot-tested and signed image of an operating system.
//
// It is a command line, and the same program is the GitHub Action: in a job and
// without arguments it reads its inputs and runs the whole line. Read line.go for
// the line, root.go for the commands, action.go for the Action.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/linuxkit-action/internal/gha"
)

func main() { os.Exit(run(os.Args[1:])) }

// run does the work of main and returns the exit code. The first interrupt stops
// the work and cleans up; a second one is left to the system.
func run(args []string) int {
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
