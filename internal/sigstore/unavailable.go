// Package sigstore reaches the outside services that verification and signing share: key
// services, and the TUF repository of Sigstore's trusted root.
//
// Calls are bounded in time and repeated where that may help. Errors distinguish a service
// that is unavailable (component.ErrUnavailable, exit code 75) from one that rejects the
// request.
// Errors are one printable line, for they contain text of the service.
package sigstore

import (
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Unavailable returns an error for an outside service that may answer a later attempt. It
// is component.ErrUnavailable, without the text of that error, which names a registry.
func Unavailable(reason string) error { return unavailable(reason) }

type unavailable string

// Error implements error.
func (u unavailable) Error() string { return string(u) }

// Unwrap returns component.ErrUnavailable.
func (unavailable) Unwrap() error { return component.ErrUnavailable }

// temporary reports whether the same request may succeed later: the service is
// unreachable, busy, or failed. A response that rejects the request is not temporary.
func temporary(err error) bool {
	if status, ok := statusOf(err); ok {
		return temporaryStatus(status)
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return false
	}
	var request *url.Error
	var network net.Error
	var file *fs.PathError
	return errors.As(err, &request) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) && !errors.As(err, &file)
}

// statusOf returns the HTTP status that a client reports in its error. AWS throttles with
// status 400 and a code (AWS KMS developer guide, "Throttling AWS KMS requests").
func statusOf(err error) (status int, ok bool) {
	if tuf, ok := errors.AsType[*metadata.ErrDownloadHTTP](err); ok {
		return tuf.StatusCode, true
	}
	if vault, ok := errors.AsType[*api.ResponseError](err); ok {
		return vault.StatusCode, true
	}
	var aws interface{ ErrorCode() string }
	if errors.As(err, &aws) && aws.ErrorCode() == "ThrottlingException" {
		return http.StatusTooManyRequests, true
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		return response.HTTPStatusCode(), true
	}
	return 0, false
}

// temporaryStatus reports whether an HTTP status asks the client to retry. Vault responds
// with 503 while it is sealed (its documentation, "HTTP status codes").
func temporaryStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}
