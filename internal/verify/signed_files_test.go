package verify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/progress"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
)

const signatureOfFile = "signature is for a file, not for an image"

// manifestOf returns the bytes whose digest is that of an image.
func manifestOf(t testing.TB, repository string, digest v1.Hash) []byte {
	t.Helper()
	described, err := remote.Get(digestIn(t, repository, digest))
	must(t, err)
	return described.Manifest
}

// byBlob attaches what cosign sign-blob makes of the manifest of the image.
func byBlob(program, dir string, flags ...string) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		work := s.t.TempDir()
		file, bundle := filepath.Join(work, "manifest.json"), filepath.Join(work, "bundle.json")
		must(s.t, os.WriteFile(file, manifestOf(s.t, r, d), 0o600))
		runCosign(s.t, program, dir, append([]string{"sign-blob", "--key", "cosign.key", "--bundle", bundle}, append(flags, file)...)...)
		text, err := os.ReadFile(bundle)
		must(s.t, err)
		attachRaw(s.t, r, d, text)
	}
}

// TestRejectsSignaturesOfFiles: publish signs files whose bytes a stranger may choose.
func TestRejectsSignaturesOfFiles(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	s := &virtualSigstore{t: t, dir: trusted}
	checkCases(t, s, "rules: [{match: '**', key: cosign.pub}]", map[string]attachmentCase{
		"cosign 2, file": {attach: byBlob("cosign", trusted, "--new-bundle-format", "--tlog-upload=false"), want: signatureOfFile},
		"cosign 3, file": {attach: byBlob("cosign3", trusted, "--tlog-upload=false", layoutCosign3), want: signatureOfFile},
		"cosign 2, image": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			cosignSign(s.t, trusted, "true", r+"@"+d.String())
		}},
		"cosign 3, image": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			runCosign(s.t, "cosign3", trusted, "sign", "--key", "cosign.key", "--tlog-upload=false", layoutCosign3, r+"@"+d.String())
		}},
	})
}

// TestRejectsSignaturesOfFilesByAnySigner: also beside a rule that requires attestations.
func TestRejectsSignaturesOfFilesByAnySigner(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	file := func(s *virtualSigstore, r string, d v1.Hash) {
		b, err := sign.Bundle(&sign.PlainData{Data: manifestOf(s.t, r, d)}, key, sign.BundleOptions{})
		must(s.t, err)
		attach(s.t, r, d, b)
	}
	checkCases(t, s, "rules: [{match: '**', key: a.pub}]", map[string]attachmentCase{
		"key": {attach: file, want: signatureOfFile},
	})
	checkCases(t, s, "rules: [{match: '**', key: a.pub, attestations: [{type: vuln, cue: 'predicate: x: 1'}]}]", map[string]attachmentCase{
		"attestation": {attach: sequence(byKeys(signPredicate, key), file), want: "no attestation " + vulnType},
	})
	checkCases(t, s, keylessPolicy, map[string]attachmentCase{
		"certificate": {attach: withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
			b := s.keylessBundle(release, actions, statementOf(signPredicate, d), inValidity())
			made, err := sign.Bundle(&sign.PlainData{Data: []byte("x")}, key, sign.BundleOptions{})
			must(s.t, err)
			b.Content = made.Content
			return b
		}), want: signatureOfFile},
	})
}

// TestPlatformSignatureDoesNotCoverALayout: an image used as a container and as a volume of
// format oci puts the whole index into the system.
func TestPlatformSignatureDoesNotCoverALayout(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	const (
		container = "services: [{name: web, image: '%s'}]\n"
		rootfs    = "volumes: [{name: data, image: '%s'}]\n"
		layout    = "volumes: [{name: data, image: '%s', format: oci}]\n"
	)
	for name, tt := range map[string]struct {
		manifest      string
		signsPlatform bool
		refused       bool
	}{
		"container, platform signed":            {manifest: container, signsPlatform: true},
		"container and volume, platform signed": {manifest: container + rootfs, signsPlatform: true},
		"layout, platform signed":               {manifest: layout, signsPlatform: true, refused: true},
		"container and layout, platform signed": {manifest: container + layout, signsPlatform: true, refused: true},
		"layout, index signed":                  {manifest: layout},
		"container and layout, index signed":    {manifest: container + layout},
	} {
		repository := image.Serve(t, nil) + "/web"
		index, platform := pushIndex(t, repository, name)
		signed := index
		if tt.signsPlatform {
			signed = platform
		}
		attach(t, repository, signed, s.keyBundle(key, statementOf(signPredicate, signed)))
		m := loadManifest(t, strings.ReplaceAll(tt.manifest, "%s", repository+":1"))
		verified, err := Check(t.Context(), resolve(t, m, &component.Registry{}), p, Options{Mode: Enforce, Report: progress.Silent()})
		if errors.Is(err, ErrRefused) != tt.refused || (err == nil) == tt.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && verified.Results()[0].Signatures[0].Digest != signed.String() {
			t.Errorf("%s: %+v covers another digest than %s", name, verified.Results()[0].Signatures, signed)
		}
	}
}
