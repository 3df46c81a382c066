package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// logged is a time at which the log of the virtual Sigstore is valid.
var logged = time.Now().Add(-time.Minute).Truncate(time.Second)

// signTagWithLog signs with a key in cosign 2's layout, with an entry in the log of a
// Sigstore.
func (s *virtualSigstore) signTagWithLog(repository string, image v1.Hash, key sign.Keypair, log *virtualSigstore) {
	s.t.Helper()
	text := simpleSigning(repository, image)
	signature, _, err := key.SignData(s.t.Context(), text)
	must(s.t, err)
	entry := static.WithBundle(log.entry(key, text, signature))
	layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(signature), entry)
	must(s.t, err)
	writeTag(s.t, digestIn(s.t, repository, image), layer)
}

// entry returns a Rekor v1 entry (rekor, pkg/types/hashedrekord) with an inclusion promise.
func (s *virtualSigstore) entry(key sign.Keypair, text, signature []byte) *cosignbundle.RekorBundle {
	s.t.Helper()
	pem, err := key.GetPublicKeyPem()
	must(s.t, err)
	id, err := s.ca.RekorLogID()
	must(s.t, err)
	sum, encode := sha256.Sum256(text), base64.StdEncoding.EncodeToString
	body := fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%x"}},`+
		`"signature":{"content":"%s","publicKey":{"content":"%s"}}}}`, sum, encode(signature), encode([]byte(pem)))
	payload := cosignbundle.RekorPayload{Body: encode(body), IntegratedTime: logged.Unix(), LogIndex: 7, LogID: id}
	promise, err := s.ca.RekorSignPayload(tlog.RekorPayload(payload))
	must(s.t, err)
	return &cosignbundle.RekorBundle{SignedEntryTimestamp: promise, Payload: payload}
}

const logPolicy = "trustedRoot: trusted_root.json\nrules: [{match: '**', key: a.pub, log: required}]"

func TestRequiresLogEntry(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key, eve, other := s.newKey("a.pub"), s.newKey("eve.pub"), newVirtualSigstore(t)
	logged := func(key sign.Keypair, log *virtualSigstore) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) { s.signTagWithLog(r, d, key, log) }
	}
	const noEntry = "not enough verified log entries"
	checkCases(t, s, logPolicy, map[string]attachmentCase{
		"logged":                {attach: logged(key, s)},
		"logged by another key": {attach: logged(eve, s), want: "transparency log certificate does not match"},
		"in another log":        {attach: logged(key, other), want: noEntry},
		"not logged":            {attach: byKeys(signPredicate, key), want: noEntry},
	})
}

// TestReportsTimeOfLog: only a rule that requires the log verifies an entry.
func TestReportsTimeOfLog(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	repository, digest := pushOne(t, "1")
	s.signTagWithLog(repository, digest, key, s)
	for text, want := range map[string]time.Time{logPolicy: logged, strings.Replace(logPolicy, ", log: required", "", 1): {}} {
		verified, err := check(t, repository+":1", s.policy(text), Enforce)
		must(t, err)
		if got := verified.Results()[0].Signatures[0]; !got.Time.Equal(want) || !strings.HasPrefix(got.Signer, "key sha256:") {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
