package verify

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// keyServiceTimeout bounds the wait for a key, with all that its service does on the way.
const keyServiceTimeout = 30 * time.Second

// askForKey brings the public half of a key from its service, in its newest version.
//
// All else is done here. A service would be asked anew for each signature, and one that is
// down then would look as one that says no. And Vault says no to all that cosign signs
// with RSA: the provider does not tell it the padding.
func askForKey(ctx context.Context, reference string) (crypto.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keyServiceTimeout)
	defer cancel()
	type answer struct {
		public crypto.PublicKey
		err    error
	}
	answers := make(chan answer, 1)
	go func() { // Vault's provider does not look at ctx, and waits for ever
		public, err := publicHalf(ctx, reference)
		answers <- answer{public, err}
	}()
	select {
	case a := <-answers:
		return a.public, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

func publicHalf(ctx context.Context, reference string) (crypto.PublicKey, error) {
	service, err := cosignsig.PublicKeyFromKeyRef(ctx, reference)
	if err != nil {
		return nil, err
	}
	return service.PublicKey(options.WithContext(ctx))
}

// notGiven tells why a service does not give the key, with the kind that load promises.
func (k *keySigner) notGiven(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case passing(err):
		return unreachable{k.name() + " cannot be asked for", plain(err), "try again, or keep its public half in a file"}
	}
	return fmt.Errorf("%w: %s: %s; name a key that is there and may be read, or keep its public half in a file", ErrPolicy, k.name(), printable(plain(err).Error()))
}

// passing reports whether a service could not be asked, or says to come again: Vault does
// while it is sealed (its documentation, "HTTP status codes").
func passing(err error) bool {
	if answer, ok := errors.AsType[*api.ResponseError](err); ok {
		return unwell(answer.StatusCode)
	}
	return unanswered(err)
}

// plain tells in one line what Vault tells in many.
func plain(err error) error {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s %s: %d: %s", answer.HTTPMethod, answer.URL, answer.StatusCode, strings.Join(answer.Errors, ", "))
}
