package component

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/org/linuxkit-action/internal/network"
)

// Errors by kind.
var (
	// ErrNotFound: the registry has no such image, or denies access to it.
	ErrNotFound = errors.New("no such image")
	// ErrDigest: content that does not match its digest or size.
	ErrDigest = errors.New("digest mismatch")
	// ErrUnavailable: a temporary fault; a retry may help.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrMalformed: a response or an image that does not follow its specification, or exceeds a bound.
	ErrMalformed = errors.New("malformed image")
	// ErrOffline: a request that offline mode does not allow.
	ErrOffline = errors.New("offline")
	// ErrSettings: a mirror or a registry without TLS that is not valid.
	ErrSettings = errors.New("invalid registry settings")
	// ErrCertificates: certificate authorities that cannot be read, or a registry that none of them signs for.
	ErrCertificates = errors.New("certificate authorities")
)

// classified are the kinds that Classify leaves as they are.
var classified = []error{ErrNotFound, ErrDigest, ErrUnavailable, ErrMalformed, ErrOffline, network.ErrAddress}

// Classify wraps an error of a registry client with its kind.
func Classify(err error) error {
	if slices.ContainsFunc(classified, func(kind error) bool { return errors.Is(err, kind) }) {
		var wrapper *url.Error // its method and URL add nothing to our errors
		if errors.As(err, &wrapper) {
			return wrapper.Err
		}
		return err
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return fmt.Errorf("%w: %w; pass the registry's with --cert-file", ErrCertificates, certificate)
	}
	var status *transport.Error
	if errors.As(err, &status) {
		return classifyStatus(status.StatusCode, err)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func classifyStatus(code int, err error) error {
	switch {
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: the registry reports 404; check the name and the tag", ErrNotFound)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: the registry denies access (%d); run docker login, or check the name", ErrNotFound, code)
	case retryableStatus(code):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// maxErrorBytes bounds the body of an error response.
const maxErrorBytes = 32 << 10

// checkStatus returns a classified error, and closes the body, where the status is none
// of the accepted ones.
func checkStatus(response *http.Response, accepted ...int) error {
	if slices.Contains(accepted, response.StatusCode) {
		return nil
	}
	defer response.Body.Close()
	response.Body = io.NopCloser(io.LimitReader(response.Body, maxErrorBytes))
	return Classify(transport.CheckError(response, accepted...))
}
