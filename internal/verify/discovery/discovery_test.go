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

// serve answers the question for referrers with a list, and has nothing else.
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

func dangling(artifactType string, n int) v1.IndexManifest {
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for range n {
		list.Manifests = append(list.Manifests, v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Size: 2, ArtifactType: artifactType,
			Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("b", 64)},
		})
	}
	return list
}

// TestWhatIsNotThereIsOneAttachmentsFault: who may write to the list can make that
// attachment useless, but cannot keep the others from being found.
func TestWhatIsNotThereIsOneAttachmentsFault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		artifactType string
		listed, want int
	}{
		{"text/plain", 3, 0},
		{bundleType + ".v0.3+json", 1, 1},
		{"", 2, 2},
		{bundleType + ".v0.3+json", MaxAttachments + 5, MaxAttachments + 1}, // one that says so
	} {
		found, err := Find(t.Context(), serve(t, dangling(tt.artifactType, tt.listed)), Referring, nil)
		if err != nil || len(found) != tt.want {
			t.Errorf("%d of %q: %d found, %v", tt.listed, tt.artifactType, len(found), err)
		}
		for _, a := range found {
			if !errors.Is(a.Err, ErrMalformed) {
				t.Errorf("no fault: %+v", a)
			}
		}
	}
}

func TestNothingAttached(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, func(http.Handler) http.Handler { return registry.New() })
	digest, err := name.NewDigest(host + "/web@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []Place{Sig, Att, Referring} {
		if found, err := Find(t.Context(), digest, place, nil); err != nil || len(found) != 0 {
			t.Errorf("%s: %v, %v", place, found, err)
		}
	}
}

func TestRegistryDownIsAnError(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	})
	digest, err := name.NewDigest(host + "/web@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), digest, Sig, []remote.Option{remote.WithRetryStatusCodes()}); !errors.Is(component.Classify(err), component.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// FuzzConvert: whatever stands in the layers and annotations of cosign 2's layout, there
// is a bundle or a fault, never both and never neither.
func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"critical":{}}`), "c2ln", "", `{"SignedEntryTimestamp":"AA==","Payload":{"body":"e30=","integratedTime":1,"logIndex":0,"logID":"aa"}}`, "", false)
	f.Add([]byte(`{"payloadType":"t","payload":"e30=","signatures":[{"sig":"AA=="}]}`), "", "", "", `{"SignedRFC3161Timestamp":"AA=="}`, true)
	f.Add([]byte(``), "!", "-----BEGIN CERTIFICATE-----", "{", "[]", true)
	f.Add([]byte(`{}`), "", "no certificate", "", "", false)
	f.Fuzz(func(t *testing.T, payload []byte, signature, certificate, entry, stamp string, attestation bool) {
		layer, err := static.NewSignature(payload, signature, static.WithAnnotations(map[string]string{
			static.BundleAnnotationKey: entry, static.CertificateAnnotationKey: certificate, static.RFC3161TimestampAnnotationKey: stamp,
		}))
		if err != nil {
			t.Fatal(err)
		}
		a, err := convert(layer, attestation)
		if err != nil || (a.Bundle == nil) == (a.Err == nil) {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
