package verify

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/org/linuxkit-action/internal/verify/attached"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// signer is somebody who may sign.
type signer interface {
	// name is how the policy calls the signer.
	name() string

	// verify checks that the signer has made an attachment that is over what. The error
	// wraps ErrRefused where not; any other says that it could not be found out.
	verify(ctx context.Context, a attached.Attachment, what sigstore.ArtifactPolicyOption, rules demands) (Signature, error)
}

// demands is what a rule wants beside the signature.
type demands struct {
	offline  bool                                                // nobody but the cache may be asked
	log      bool                                                // an entry in a transparency log
	sigstore func(context.Context) (root.TrustedMaterial, error) // whom to believe about certificates, logs and times
}

// Signature is one that counts.
type Signature struct {
	Signer      string    `json:"signer"`                // key sha256:… of the public key's DER form, or SUBJECT (by ISSUER)
	Certificate string    `json:"certificate,omitempty"` // SHA-256 of the certificate in hex, "" for a key
	Time        time.Time `json:"time,omitzero"`         // when it was made, in UTC, by a log or a timestamp authority; zero where nobody was asked
}

// provenTime returns the earliest time that is not merely that of our own clock.
func provenTime(result *sigstore.VerificationResult) time.Time {
	var first time.Time
	for _, t := range result.VerifiedTimestamps {
		if t.Type != "CurrentTime" && (first.IsZero() || t.Timestamp.Before(first)) {
			first = t.Timestamp.UTC()
		}
	}
	return first
}

func refused(err error) error {
	return fmt.Errorf("%w: %s", ErrRefused, printable(err.Error()))
}

// printable makes one line of foreign text: what strangers put into a registry must not
// reach a terminal, or a job's log, as a command.
func printable(text string) string {
	const most = 400
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
