package verify

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/org/linuxkit-action/internal/component"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// keyServiceTimeout bounds the wait for one answer of a key service, with all that it does
// on the way.
const keyServiceTimeout = 30 * time.Second

// AskKeyService puts one question to a service that holds keys, and waits for the answer for
// 30 seconds at most. An error is one line that may be printed. It is context.Canceled
// where ctx is, and of the kind component.ErrUnavailable where the same question may be
// answered later.
func AskKeyService[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, keyServiceTimeout)
	defer cancel()
	type answer struct {
		given T
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // Vault's provider does not look at ctx, and waits for ever
		given, err := put(bounded, question)
		answers <- answer{given, err}
	}()
	select {
	case a := <-answers:
		return a.given, inOneLine(ctx, a.err)
	case <-bounded.Done():
		var none T
		return none, inOneLine(ctx, fmt.Errorf("no answer: %w", bounded.Err()))
	}
}

// put puts a question. A provider's panic is an error like others: Vault's panics when a
// service answers a wish for a signature with nothing.
func put[T any](ctx context.Context, question func(context.Context) (T, error)) (given T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the answer is not one to that question (%v)", cause)
		}
	}()
	return question(ctx)
}

// inOneLine tells why a service did not do what it was asked for.
func inOneLine(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case passing(err):
		return outage(printable(plain(err).Error()))
	}
	return errors.New(printable(plain(err).Error()))
}

// askForKey brings the public half of a key from its service, in its newest version.
//
// All else is done here. A service would be asked anew for each signature, and one that is
// down then would look as one that says no. And Vault says no to all that cosign signs
// with RSA: the provider does not tell it the padding.
func askForKey(ctx context.Context, reference string) (crypto.PublicKey, error) {
	return AskKeyService(ctx, func(ctx context.Context) (crypto.PublicKey, error) { return publicHalf(ctx, reference) })
}

func publicHalf(ctx context.Context, reference string) (crypto.PublicKey, error) {
	service, err := cosignsig.PublicKeyFromKeyRef(ctx, reference)
	if err != nil {
		return nil, err
	}
	return service.PublicKey(options.WithContext(ctx))
}

// notGiven tells why a service does not give the key, with the kind that load promises.
func (k *keySigner) notGiven(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, component.ErrUnavailable):
		return fmt.Errorf("%s cannot be asked for: %w; try again, or keep its public half in a file", k.name(), err)
	}
	return fmt.Errorf("%w: %s: %w; name a key that is there and may be read, or keep its public half in a file", ErrPolicy, k.name(), err)
}

// passing reports whether a service could not be asked, or says to come again: Vault does
// while it is sealed (its documentation, "HTTP status codes"), AWS in a code of its own
// where one asks too often (AWS KMS developer guide, "Throttling AWS KMS requests").
func passing(err error) bool {
	if answer, ok := errors.AsType[*api.ResponseError](err); ok {
		return unwell(answer.StatusCode)
	}
	var told interface{ ErrorCode() string }
	if errors.As(err, &told) && told.ErrorCode() == "ThrottlingException" {
		return true
	}
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return unwell(answer.HTTPStatusCode())
	}
	return unanswered(err)
}

// plain tells in one line what Vault tells in many.
func plain(err error) error {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s %s: %d: %s", answer.HTTPMethod, answer.URL, answer.StatusCode, cmp.Or(strings.Join(answer.Errors, ", "), http.StatusText(answer.StatusCode)))
}
