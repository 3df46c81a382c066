package publish

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

// built lays out a build of two files.
func built(t *testing.T) *artifacts.Set {
	t.Helper()
	dir := t.TempDir()
	set := artifacts.New(dir, "os")
	for name, content := range map[string]string{"os-kernel": "KERNEL", "os-initrd.img": "INITRD"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(content))
		set.Files = append(set.Files, artifacts.File{Format: "kernel+initrd", Kind: name, Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))})
	}
	return set
}

func makeRelease(t *testing.T, set *artifacts.Set, signer *Signer) (string, []string, error) {
	t.Helper()
	dir := t.TempDir()
	names, err := Release(t.Context(), set, Options{Output: dir, Signer: signer, Report: progress.Silent()})
	return dir, names, err
}

func signer(t *testing.T) (*Signer, signature.Verifier) {
	t.Helper()
	dir := t.TempDir()
	if err := registry.NewKey(dir); err != nil {
		t.Fatal(err)
	}
	key, err := LoadKey(t.Context(), filepath.Join(dir, registry.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(read(t, dir, registry.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return key, verifier
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReleaseHoldsEveryFileItsHashAndItsSignature(t *testing.T) {
	t.Parallel()
	key, verifier := signer(t)
	dir, names, err := makeRelease(t, built(t), key)
	if err != nil {
		t.Fatal(err)
	}
	plain := []string{"SHA256SUMS", "os-artifacts.json", "os-initrd.img", "os-kernel"}
	if len(names) != 2*len(plain) || !slices.IsSorted(names) {
		t.Errorf("names %v", names)
	}
	for _, name := range plain {
		var bundle bundlepb.Bundle
		if err := protojson.Unmarshal(read(t, dir, name+BundleSuffix), &bundle); err != nil {
			t.Fatal(err)
		}
		content, sum := read(t, dir, name), sha256.Sum256(read(t, dir, name))
		signed := bundle.GetMessageSignature()
		if err := verifier.VerifySignature(bytes.NewReader(signed.GetSignature()), bytes.NewReader(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(signed.GetMessageDigest().GetDigest(), sum[:]) || bundle.GetVerificationMaterial().GetPublicKey().GetHint() == "" {
			t.Errorf("%s: bundle %v", name, &bundle)
		}
		if name != Checksums && !strings.Contains(string(read(t, dir, Checksums)), hex.EncodeToString(sum[:])+"  "+name+"\n") {
			t.Errorf("%s is not in SHA256SUMS", name)
		}
	}
}

func TestWithoutASignerThereAreHashesOnly(t *testing.T) {
	t.Parallel()
	_, names, err := makeRelease(t, built(t), nil)
	if err != nil || slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, BundleSuffix) }) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestWhatIsNotWhatWasBuiltIsNotReleased(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"changed": func(path string) error { return os.WriteFile(path, []byte("KERNEX"), 0o600) },
		"longer":  func(path string) error { return os.WriteFile(path, []byte("KERNEL and more"), 0o600) },
		"shorter": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"gone":    os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := built(t)
			if err := spoil(filepath.Join(set.Dir(), "os-kernel")); err != nil {
				t.Fatal(err)
			}
			dir, _, err := makeRelease(t, set, nil)
			if !errors.Is(err, ErrPublish) || !strings.Contains(err.Error(), "os-kernel") {
				t.Errorf("got %v", err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestCancelledReleaseLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := Release(ctx, built(t), Options{Output: dir, Report: progress.Silent()})
	if left, _ := os.ReadDir(dir); !errors.Is(err, context.Canceled) || len(left) != 0 {
		t.Errorf("got %v, left %v", err, left)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{text, filepath.Join(t.TempDir(), "none"), "env://LINUXKIT_ACTION_NO_SUCH_KEY"} {
		if _, err := LoadKey(t.Context(), reference); !errors.Is(err, ErrPublish) || !strings.Contains(err.Error(), reference) {
			t.Errorf("%s: %v", reference, err)
		}
	}
}
