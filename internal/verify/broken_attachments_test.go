package verify

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/verify/report"
)

// rawManifest is a manifest of any content and type.
type rawManifest struct {
	text      string
	mediaType types.MediaType
}

// RawManifest implements remote.Taggable.
func (m rawManifest) RawManifest() ([]byte, error) { return []byte(m.text), nil }

// MediaType returns the type that the registry is to store.
func (m rawManifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

// atSignatureTag puts something where cosign 2 looks for signatures.
func atSignatureTag(content remote.Taggable) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		tag, err := name.NewTag(r + ":sha256-" + d.Hex + ".sig")
		must(s.t, err)
		must(s.t, remote.Put(tag, content))
	}
}

// foreignLayer attaches a layer that is stored at another address. The test fails if that
// is requested.
func foreignLayer(t *testing.T) attachFunc {
	host := image.Serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("requested %s", r.URL) })
	})
	return func(s *virtualSigstore, r string, d v1.Hash) {
		content := static.NewLayer([]byte("{}"), types.DockerForeignLayer)
		digest, err := content.Digest()
		must(s.t, err)
		made, err := mutate.Append(empty.Image, mutate.Addendum{Layer: content, URLs: []string{"http://" + host + "/" + digest.String()}})
		must(s.t, err)
		atSignatureTag(made)(s, r, d)
	}
}

// TestBrokenAttachmentsDoNotCount: neither alone, where they refuse the image in place of
// ending the run, nor beside a signature, which counts. The report names them.
func TestBrokenAttachmentsDoNotCount(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	const schema1 = `{"schemaVersion":1,"name":"web","tag":"1","fsLayers":[]}`
	for name, broken := range map[string]attachFunc{
		"index":             atSignatureTag(empty.Index),
		"schema 1":          atSignatureTag(rawManifest{text: schema1, mediaType: types.DockerManifestSchema1}),
		"foreign layer":     foreignLayer(t),
		"missing layer":     atSignatureTag(rawManifest{text: missingLayer, mediaType: types.OCIManifestSchema1}),
		"bundle, no layers": func(s *virtualSigstore, r string, d v1.Hash) { attachRaw(s.t, r, d, []byte("{}")) },
	} {
		repository, digest := pushOne(t, name)
		broken(&virtualSigstore{t: t}, repository, digest)
		for _, mode := range []string{Enforce, Warn} {
			verified, err := check(t, repository+":1", p, mode)
			if result := ReportOf(verified, err); (mode == Enforce) != errors.Is(err, ErrRefused) || result == nil {
				t.Errorf("%s, %s: %v", name, mode, err)
			} else if got := result.Components[0]; got.Verdict != report.Refused || len(got.Malformed) != 1 {
				t.Errorf("%s, %s: %+v", name, mode, got)
			}
		}
		attach(t, repository, digest, s.keyBundle(key, statementOf(signPredicate, digest)))
		verified, err := check(t, repository+":1", p, Enforce)
		if err != nil {
			t.Errorf("%s, beside a signature: %v", name, err)
			continue
		}
		got := ReportOf(verified, nil)
		if text := got.Markdown(); got.Components[0].Verdict != report.Signed || !strings.Contains(text, "does not count: malformed") {
			t.Errorf("%s, beside a signature: %s", name, text)
		}
	}
}

// missingLayer is a manifest of which only the manifest exists.
const missingLayer = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
	`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,` +
	`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},` +
	`"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":2,` +
	`"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}`
