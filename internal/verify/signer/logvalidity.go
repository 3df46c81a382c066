package signer

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// checkLogValidity checks that each entry of a trusted log was made while the log was
// valid. The verifier checks that for entries with a promise only. An entry without a time
// has that of the signature, or else counts as made now.
func checkLogValidity(a discovery.Attachment, trusted root.TrustedMaterial, proved time.Time) error {
	entries, err := a.Bundle.TlogEntries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		log, known := trusted.RekorLogs()[hex.EncodeToString([]byte(e.LogKeyID()))]
		if !known {
			continue
		}
		made := proved
		if made.IsZero() {
			made = time.Now()
		}
		if e.HasInclusionPromise() {
			made = e.IntegratedTime()
		}
		if made.Before(log.ValidityPeriodStart) || !log.ValidityPeriodEnd.IsZero() && made.After(log.ValidityPeriodEnd) {
			return fmt.Errorf("log entry of %s: the trusted root has the log as valid from %s to %s", formatTime(made),
				formatTime(log.ValidityPeriodStart), formatTime(log.ValidityPeriodEnd))
		}
	}
	return nil
}
