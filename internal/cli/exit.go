package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/git"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/publish"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// Exit codes. Users depend on them.
const (
	exitUsage        = 2
	exitVerification = 3
	exitAssembly     = 4
	exitBootTest     = 5
	exitPublish      = 6
	exitTryAgain     = 75  // EX_TEMPFAIL of sysexits.h
	exitInterrupted  = 130 // as a shell reports SIGINT
)

// errUsage is wrapped by errors about flags, arguments and inputs.
var errUsage = errors.New("usage")

// exitCodes maps errors to exit codes; the first match wins. ErrOffline precedes
// ErrUnavailable, which it wraps: a retry of an offline run fails in the same way.
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
	{policy.ErrUnreadable, exitUsage},
	{signer.ErrKey, exitUsage},
	{git.ErrCommit, exitUsage},
	{component.ErrNotFound, exitUsage},
	{component.ErrSettings, exitUsage},
	{component.ErrCertificates, exitUsage},
	{lock.ErrUnreadable, exitUsage},
	{boottest.ErrSpec, exitUsage},
	{verify.ErrRefused, exitVerification},
	{publish.ErrUnverified, exitVerification},
	{sigstore.ErrTrustedRoot, exitVerification},
	{component.ErrDigest, exitVerification},
	{component.ErrMalformed, exitAssembly},
	{build.ErrAssembly, exitAssembly},
	{boottest.ErrFailed, exitBootTest},
	{boottest.ErrMachine, exitBootTest},
	{publish.ErrPublish, exitPublish},
}

// exitCode returns the exit code for the error of a run.
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

// placed matches an error that begins with file:line. It is printed without a prefix, so
// that editors find the line.
var placed = regexp.MustCompile(`^[^:\s][^:]*:\d+(:\d+)?: `)

// explainFailure prints the error of a run. Foreign text in it is escaped.
func explainFailure(w io.Writer, err error) {
	text := strings.Join(markup.ErrorLines(err), "\n")
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "linuxkit-action: interrupted; partial files are removed")
	case placed.MatchString(text):
		fmt.Fprintln(w, text)
	default:
		fmt.Fprintf(w, "linuxkit-action: %s\n", text)
	}
}
