package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// logged is when: within the time that the log of the testing CA is valid.
var logged = time.Now().Add(-time.Minute).Truncate(time.Second)

// logWithKey signs in cosign 2's layout by key, and has a log entry made. The log is that
// of another Sigstore where log says so.
func (w *world) logWithKey(repository string, image v1.Hash, key sign.Keypair, log *world) {
	w.t.Helper()
	text := []byte(`{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"` + image.String() + `"},"type":"cosign container image signature"},"optional":null}`)
	signature, _, err := key.SignData(w.t.Context(), text)
	if err != nil {
		w.t.Fatal(err)
	}
	layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(signature), static.WithBundle(log.entry(key, text, signature)))
	if err != nil {
		w.t.Fatal(err)
	}
	writeTag(w.t, digestIn(w.t, repository, image), layer)
}

// entry makes a Rekor v1 entry (rekor, pkg/types/hashedrekord) with the log's promise.
func (w *world) entry(key sign.Keypair, text, signature []byte) *cosignbundle.RekorBundle {
	w.t.Helper()
	pem, err := key.GetPublicKeyPem()
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.ca.RekorLogID()
	if err != nil {
		w.t.Fatal(err)
	}
	sum, inBase64 := sha256.Sum256(text), base64.StdEncoding.EncodeToString
	body := fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%s"}},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}`,
		hex.EncodeToString(sum[:]), inBase64(signature), inBase64([]byte(pem)))
	payload := cosignbundle.RekorPayload{Body: inBase64([]byte(body)), IntegratedTime: logged.Unix(), LogIndex: 7, LogID: id}
	promise, err := w.ca.RekorSignPayload(tlog.RekorPayload(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	return &cosignbundle.RekorBundle{SignedEntryTimestamp: promise, Payload: payload}
}

func TestLiesAboutTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, eve := w.newKey("a.pub"), w.newKey("eve.pub")
	told(t, w, "trustedRoot: trusted_root.json\nrules: [{match: '**', key: a.pub, log: required}]", map[string]lie{
		"logged":         {func(w *world, r string, d v1.Hash) { w.logWithKey(r, d, key, w) }, ""},
		"logged by eve":  {func(w *world, r string, d v1.Hash) { w.logWithKey(r, d, eve, w) }, "transparency log certificate does not match"},
		"in another log": {func(w *world, r string, d v1.Hash) { w.logWithKey(r, d, key, newWorld(w.t)) }, "not enough verified log entries"},
		"not logged": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(key, statement(signPredicate, d)))
		}, "not enough verified log entries"},
	})
}

// TestTimeOfTheLogIsTold: a rule that demands the log knows when, one that does not has
// asked nobody.
func TestTimeOfTheLogIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey("a.pub")
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	w.logWithKey(repository, digest, key, w)
	for log, want := range map[string]time.Time{", log: required": logged, "": {}} {
		verified, err := check(t, repository+":1", w.policy("trustedRoot: trusted_root.json\nrules: [{match: '**', key: a.pub"+log+"}]"), Enforce)
		if err != nil {
			t.Fatal(err)
		}
		if got := verified.Results()[0].Signatures[0]; !got.Time.Equal(want) || !strings.HasPrefix(got.Signer, "key sha256:") {
			t.Errorf("%q: %+v", log, got)
		}
	}
}
