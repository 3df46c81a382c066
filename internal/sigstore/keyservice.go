package sigstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/org/linuxkit-action/internal/markup"
)

// keyServiceTimeout bounds one call of a key service, with its retries and logins.
const keyServiceTimeout = 30 * time.Second

// CallKeyService runs one call of a key service (KMS) and waits at most 30 seconds for it.
//
// An error is one printable line. It is context.Canceled where ctx is, and of the kind
// component.ErrUnavailable where the same call may succeed later.
func CallKeyService[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, keyServiceTimeout)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	results := make(chan result, 1)
	go func() { // Vault's provider ignores ctx, and has no timeout of its own
		value, err := recovered(bounded, call)
		results <- result{value, err}
	}()
	select {
	case r := <-results:
		return r.value, keyServiceError(ctx, r.err)
	case <-bounded.Done():
		var zero T
		return zero, keyServiceError(ctx, fmt.Errorf("no response: %w", bounded.Err()))
	}
}

// recovered returns a panic of a provider as an error. Vault's provider panics on an empty
// response to a signing request.
func recovered[T any](ctx context.Context, call func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("malformed response (%v)", cause)
		}
	}()
	return call(ctx)
}

func keyServiceError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	reason := markup.Line(briefVaultError(err).Error())
	if temporary(err) {
		return Unavailable(reason)
	}
	return errors.New(reason)
}

// briefVaultError writes an error response of Vault in one line, where its client writes
// many.
func briefVaultError(err error) error {
	response, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return err
	}
	reason := cmp.Or(strings.Join(response.Errors, ", "), http.StatusText(response.StatusCode))
	return fmt.Errorf("%s %s: %d: %s", response.HTTPMethod, response.URL, response.StatusCode, reason)
}
