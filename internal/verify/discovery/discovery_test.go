package discovery

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
)

// serve serves a list of referrers and nothing else.
func serve(t *testing.T, list v1.IndexManifest) name.Digest {
	t.Helper()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	host := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", string(types.OCIImageIndex))
				w.Write(text)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	digest, err := name.NewDigest(host + "/web@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// missing lists referrers that do not exist.
func missing(artifactType string, n int) v1.IndexManifest {
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for range n {
		list.Manifests = append(list.Manifests, v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Size: 2, ArtifactType: artifactType,
			Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)},
		})
	}
	return list
}

// TestMissingReferrerIsMalformed: an entry without content does not hide the others.
func TestMissingReferrerIsMalformed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		artifactType string
		listed, want int
	}{
		{artifactType: "text/plain", listed: 3},
		{artifactType: bundleType + ".v0.3+json", listed: 1, want: 1},
		{listed: 2, want: 2},
		{artifactType: bundleType + ".v0.3+json", listed: MaxAttachments + 5, want: MaxAttachments + 1}, // one for the rest
	} {
		found, err := Find(t.Context(), serve(t, missing(tt.artifactType, tt.listed)), Referrers, nil)
		if err != nil || len(found) != tt.want {
			t.Errorf("%d of %q: %d found, %v", tt.listed, tt.artifactType, len(found), err)
		}
		for _, a := range found {
			if !errors.Is(a.Err, ErrMalformed) {
				t.Errorf("not malformed: %+v", a)
			}
		}
	}
}

func TestFindsNothing(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, func(http.Handler) http.Handler { return registry.New() })
	digest, err := name.NewDigest(host + "/web@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, location := range []Location{SignatureTag, AttestationTag, Referrers} {
		if found, err := Find(t.Context(), digest, location, nil); err != nil || len(found) != 0 {
			t.Errorf("%s: %v, %v", location, found, err)
		}
	}
}

func TestUnavailableRegistryIsAnError(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	})
	digest, err := name.NewDigest(host + "/web@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Find(t.Context(), digest, SignatureTag, []remote.Option{remote.WithRetryStatusCodes()})
	if !errors.Is(component.Classify(err), component.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// FuzzConvert: a layer of cosign 2 with any content is either a bundle or malformed.
func FuzzConvert(f *testing.F) {
	const entry = `{"SignedEntryTimestamp":"AA==","Payload":{"body":"e30=","integratedTime":1,"logIndex":0,"logID":"aa"}}`
	f.Add([]byte(`{"critical":{}}`), "c2ln", "", entry, "", false)
	const envelope = `{"payloadType":"t","payload":"e30=","signatures":[{"sig":"AA=="}]}`
	f.Add([]byte(envelope), "", "", "", `{"SignedRFC3161Timestamp":"AA=="}`, true)
	f.Add([]byte(``), "!", "-----BEGIN CERTIFICATE-----", "{", "[]", true)
	f.Add([]byte(`{}`), "", "no certificate", "", "", false)
	f.Fuzz(func(t *testing.T, payload []byte, signature, certificate, entry, timestamp string, attestation bool) {
		layer, err := static.NewSignature(payload, signature, static.WithAnnotations(map[string]string{
			static.BundleAnnotationKey: entry, static.CertificateAnnotationKey: certificate,
			static.RFC3161TimestampAnnotationKey: timestamp,
		}))
		if err != nil {
			t.Fatal(err)
		}
		a, err := convert(layer, attestation, &budget{})
		if err != nil || (a.Bundle == nil) == (a.Err == nil) {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
