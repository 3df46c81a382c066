package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/org/linuxkit-action/internal/boottest"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/publish"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/verify"
)

// Exit codes. They are a contract.
const (
	exitUsage        = 2
	exitVerification = 3
	exitAssembly     = 4
	exitBootTest     = 5
	exitPublish      = 6
	exitTryAgain     = 75  // EX_TEMPFAIL of sysexits.h
	exitInterrupted  = 130 // as a shell says it of SIGINT
)

// errUsage is wrapped by errors in the command line.
var errUsage = errors.New("usage")

// exitCodes says which kind of error ends with which code; the first that fits counts.
// What is missing offline is no passing fault: the same command fails the same way until
// the user has locked, or filled the cache.
var exitCodes = []struct {
	kind error
	code int
}{
	{component.ErrOffline, exitUsage},
	{component.ErrUnavailable, exitTryAgain},
	{errUsage, exitUsage},
	{build.ErrUsage, exitUsage},
	{manifest.ErrInvalid, exitUsage},
	{manifest.ErrUnreadable, exitUsage},
	{artifacts.ErrUnreadable, exitUsage},
	{verify.ErrPolicy, exitUsage},
	{component.ErrNotFound, exitUsage},
	{component.ErrCertificates, exitUsage},
	{lock.ErrUnreadable, exitUsage},
	{boottest.ErrSpec, exitUsage},
	{verify.ErrRefused, exitVerification},
	{sigstore.ErrTrustedRoot, exitVerification},
	{component.ErrDigest, exitVerification},
	{component.ErrMalformed, exitAssembly},
	{build.ErrAssembly, exitAssembly},
	{boottest.ErrFailed, exitBootTest},
	{boottest.ErrMachine, exitBootTest},
	{publish.ErrPublish, exitPublish},
}

// exitCode returns what the program ends with.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	for _, e := range exitCodes {
		if errors.Is(err, e.kind) {
			return e.code
		}
	}
	return exitAssembly
}

// placed is how an error begins that belongs to a line of a file. It is told as it is,
// for editors find the line by it.
var placed = regexp.MustCompile(`^[^:\s][^:]*:\d+(:\d+)?: `)

// explainFailure tells a person what went wrong.
func explainFailure(w io.Writer, err error) {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "linuxkit-action: interrupted; nothing was left behind")
	case placed.MatchString(err.Error()):
		fmt.Fprintln(w, err)
	default:
		fmt.Fprintf(w, "linuxkit-action: %v\n", err)
	}
}
