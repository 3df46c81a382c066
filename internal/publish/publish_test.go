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
	"github.com/org/linuxkit-action/internal/verify/report"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

// newBuild writes a build of two files.
func newBuild(t *testing.T) *artifacts.Set {
	t.Helper()
	dir := t.TempDir()
	set := artifacts.New(dir, "os")
	for name, content := range map[string]string{"os-kernel": "KERNEL", "os-initrd.img": "INITRD"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		sum := sha256.Sum256([]byte(content))
		set.Files = append(set.Files, artifacts.File{
			Format: "kernel+initrd", Kind: name, Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)),
		})
	}
	return set
}

func makeRelease(t *testing.T, set *artifacts.Set, signer Signer) (string, []string, error) {
	t.Helper()
	dir := t.TempDir()
	names, err := Release(t.Context(), set, Options{Output: dir, Signer: signer, Report: progress.Silent()})
	return dir, names, err
}

// newSigner returns a key and the verifier of its public half.
func newSigner(t *testing.T) (*Key, signature.Verifier) {
	t.Helper()
	dir := t.TempDir()
	must(t, registry.NewKey(dir))
	key, err := LoadKey(t.Context(), filepath.Join(dir, registry.PrivateKey))
	must(t, err)
	public, err := cryptoutils.UnmarshalPEMToPublicKey(read(t, dir, registry.PublicKey))
	must(t, err)
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	must(t, err)
	return key, verifier
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return b
}

func TestReleaseHasDigestAndBundleOfEveryFile(t *testing.T) {
	t.Parallel()
	key, verifier := newSigner(t)
	dir, names, err := makeRelease(t, newBuild(t), key)
	must(t, err)
	plain := []string{"SHA256SUMS", "os-artifacts.json", "os-initrd.img", "os-kernel"}
	if len(names) != 2*len(plain) || !slices.IsSorted(names) {
		t.Errorf("names %v", names)
	}
	sums := string(read(t, dir, Checksums))
	for _, name := range plain {
		var bundle bundlepb.Bundle
		must(t, protojson.Unmarshal(read(t, dir, name+BundleSuffix), &bundle))
		content := read(t, dir, name)
		sum := sha256.Sum256(content)
		signed := bundle.GetMessageSignature()
		if err := verifier.VerifySignature(bytes.NewReader(signed.GetSignature()), bytes.NewReader(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		hint := bundle.GetVerificationMaterial().GetPublicKey().GetHint()
		if !bytes.Equal(signed.GetMessageDigest().GetDigest(), sum[:]) || hint == "" {
			t.Errorf("%s: bundle %v", name, &bundle)
		}
		if name != Checksums && !strings.Contains(sums, hex.EncodeToString(sum[:])+"  "+name+"\n") {
			t.Errorf("%s is not in SHA256SUMS", name)
		}
	}
}

func TestReleaseWithoutSignerHasNoBundles(t *testing.T) {
	t.Parallel()
	_, names, err := makeRelease(t, newBuild(t), nil)
	isBundle := func(name string) bool { return strings.HasSuffix(name, BundleSuffix) }
	if err != nil || slices.ContainsFunc(names, isBundle) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestRejectsFileThatChangedSinceTheBuild(t *testing.T) {
	t.Parallel()
	write := func(content string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(content), 0o600) }
	}
	for name, change := range map[string]func(path string) error{
		"edited":    write("KERNEX"),
		"extended":  write("KERNEL and more"),
		"truncated": write(""),
		"removed":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := newBuild(t)
			must(t, change(filepath.Join(set.Dir(), "os-kernel")))
			dir, _, err := makeRelease(t, set, nil)
			if !errors.Is(err, ErrPublish) || !strings.Contains(err.Error(), "os-kernel") {
				t.Errorf("got %v", err)
			}
			sum := sha256.Sum256([]byte("KERNEX"))
			if strings.Contains(err.Error(), hex.EncodeToString(sum[:])) {
				t.Errorf("contains the digest of the file: %v", err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestRejectsLinkAndReservedNames(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, set *artifacts.Set){
		"link": func(t *testing.T, set *artifacts.Set) {
			path := filepath.Join(set.Dir(), set.Files[0].Path)
			must(t, os.Rename(path, path+"-elsewhere"))
			must(t, os.Symlink(filepath.Base(path)+"-elsewhere", path))
		},
		"checksums": func(_ *testing.T, set *artifacts.Set) { set.Files[0].Path = Checksums },
		"bundle":    func(_ *testing.T, set *artifacts.Set) { set.Files[0].Path = "os-kernel" + BundleSuffix },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := newBuild(t)
			change(t, set)
			if _, _, err := makeRelease(t, set, nil); !errors.Is(err, ErrPublish) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRejectsUnverifiedBuild: a release contains what a policy accepted, unless it is allowed
// and recorded.
func TestRejectsUnverifiedBuild(t *testing.T) {
	t.Parallel()
	for verdict, verified := range map[string]bool{
		report.Signed: true, report.Accepted: true, report.Refused: false, report.Unchecked: false,
		report.NoPolicy: false, "": false, "other": false,
	} {
		set := newBuild(t)
		set.Components = []artifacts.Component{{Role: "service", Name: "web", Verdict: verdict}}
		dir, _, err := makeRelease(t, set, nil)
		if errors.Is(err, ErrUnverified) == verified {
			t.Errorf("%q: %v", verdict, err)
		}
		if left, _ := os.ReadDir(dir); !verified && len(left) != 0 {
			t.Errorf("%q: left %v", verdict, left)
		}
		options := Options{Output: dir, Report: progress.Silent(), AllowUnverified: true}
		if _, err := Release(t.Context(), set, options); err != nil {
			t.Fatalf("%q: %v", verdict, err)
		}
		recorded := strings.Contains(string(read(t, dir, "os-artifacts.json")), `"unverified"`)
		if recorded == verified {
			t.Errorf("%q: recorded %v", verdict, recorded)
		}
	}
}

func TestFileOfSeveralFormatsIsReleasedOnce(t *testing.T) {
	t.Parallel()
	set := newBuild(t)
	shared := set.Files[0]
	shared.Format = "tar"
	set.Files = append(set.Files, shared)
	if _, names, err := makeRelease(t, set, nil); err != nil || len(names) != 4 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestCancelledReleaseWritesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := Release(ctx, newBuild(t), Options{Output: dir, Report: progress.Silent()})
	if left, _ := os.ReadDir(dir); !errors.Is(err, context.Canceled) || len(left) != 0 {
		t.Errorf("got %v, left %v", err, left)
	}
}

func TestRejectsMissingOrMalformedKey(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("no key"), 0o600))
	for _, reference := range []string{text, filepath.Join(t.TempDir(), "none"), "env://LINUXKIT_ACTION_NO_SUCH_KEY"} {
		if _, err := LoadKey(t.Context(), reference); !errors.Is(err, ErrPublish) || !strings.Contains(err.Error(), reference) {
			t.Errorf("%s: %v", reference, err)
		}
	}
}

// TestRefusesToSignWhatSignsAnImage: a manifest's command line may have any bytes.
func TestRefusesToSignWhatSignsAnImage(t *testing.T) {
	t.Parallel()
	key, _ := newSigner(t)
	const payload = `{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"sha256:aa"},` +
		`"type":"cosign container image signature"},"optional":null}`
	for name, tt := range map[string]struct {
		content string
		refused bool
	}{
		"simple signing payload":      {content: payload, refused: true},
		"payload, other case":         {content: strings.ReplaceAll(payload, "critical", "CRITICAL"), refused: true},
		"payload after blanks":        {content: " \n" + payload + "\n", refused: true},
		"DSSE statement":              {content: "DSSEv1 28 application/vnd.in-toto+json 2 {}", refused: true},
		"command line":                {content: "console=ttyS0"},
		"command line with a payload": {content: "console=ttyS0 " + payload},
		"JSON":                        {content: `{"critical":1}`},
		"empty":                       {content: ""},
	} {
		set := newBuild(t)
		must(t, os.WriteFile(filepath.Join(set.Dir(), "os-cmdline"), []byte(tt.content), 0o600))
		sum := sha256.Sum256([]byte(tt.content))
		set.Files = append(set.Files, artifacts.File{
			Format: "kernel+initrd", Kind: artifacts.KindCmdline, Path: "os-cmdline",
			SHA256: hex.EncodeToString(sum[:]), Size: int64(len(tt.content)),
		})
		_, _, err := makeRelease(t, set, key)
		if refused := err != nil && strings.Contains(err.Error(), "os-cmdline: its signature would also be"); refused != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
