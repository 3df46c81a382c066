package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/verify/attached"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// usable refuses what has no certificate, or nothing that could prove when that was used. An
// entry in Rekor 1 has a time that the log promises; one in Rekor 2 has none.
func usable(a attached.Attachment) error {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return err
	}
	if content.Certificate() == nil {
		return errors.New("it is signed with a key, not with a certificate for an identity")
	}
	if stamps, _ := a.Bundle.Timestamps(); len(stamps) > 0 {
		return nil
	}
	entries, err := a.Bundle.TlogEntries()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, (*tlog.Entry).HasInclusionPromise) {
		return errors.New("nothing proves when it was signed: it has no timestamp, and no log entry with a time")
	}
	return nil
}

// outdated tells where the reason is that a certificate was not valid when it was used:
// the library says of all that may be wrong with one the same.
func outdated(reason error, verifier *sigstore.Verifier, a attached.Attachment) error {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return reason
	}
	logged, err := verifier.VerifyTransparencyLogInclusion(a.Bundle)
	if err != nil {
		return reason
	}
	proven, err := verifier.VerifyObserverTimestamps(a.Bundle, logged)
	if err != nil {
		return reason
	}
	c := content.Certificate()
	for _, p := range proven {
		if p.Timestamp.Before(c.NotBefore) || p.Timestamp.After(c.NotAfter) {
			return fmt.Errorf("it was signed at %s, and its certificate is valid from %s to %s", utc(p.Timestamp), utc(c.NotBefore), utc(c.NotAfter))
		}
	}
	return reason
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func describeCertificate(a attached.Attachment, result *sigstore.VerificationResult) (Signature, error) {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return Signature{}, refused(err)
	}
	sum := sha256.Sum256(content.Certificate().Raw)
	who := result.Signature.Certificate
	return Signature{
		Signer:      printable(fmt.Sprintf("%s (by %s)", who.SubjectAlternativeName, who.Issuer)),
		Certificate: hex.EncodeToString(sum[:]),
		Time:        provenTime(result),
	}, nil
}
