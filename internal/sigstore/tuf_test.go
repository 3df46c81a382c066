package sigstore

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// tufMirror is a TUF repository with a trusted root, served on loopback.
type tufMirror struct {
	t        *testing.T
	signer   map[string]signature.Signer // by role
	files    map[string][]byte           // by path
	target   string                      // path of the trusted root
	handle   func(w http.ResponseWriter, r *http.Request) bool
	requests atomic.Int64
	server   *httptest.Server
	cache    string
}

var tufRoles = []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP}

func newTUFMirror(t *testing.T, trustedRoot []byte) *tufMirror {
	t.Helper()
	m := &tufMirror{t: t, signer: map[string]signature.Signer{}, files: map[string][]byte{}, cache: t.TempDir()}
	root := metadata.Root(time.Now().Add(time.Hour))
	for _, role := range tufRoles {
		_, private, err := ed25519.GenerateKey(nil)
		must(t, err)
		m.signer[role], err = signature.LoadSigner(private, crypto.Hash(0))
		must(t, err)
		key, err := metadata.KeyFromPublicKey(private.Public())
		must(t, err)
		must(t, root.Signed.AddKey(key, role))
	}
	m.files["/1.root.json"] = signTUF(m, metadata.ROOT, root)
	m.publish(1, "trusted_root.json", trustedRoot, time.Now().Add(time.Hour))
	m.server = httptest.NewServer(m)
	t.Cleanup(m.server.Close)
	return m
}

// publish writes a version of all metadata but the root, with one target.
func (m *tufMirror) publish(version int64, name string, content []byte, expires time.Time) {
	m.t.Helper()
	file, err := metadata.TargetFile().FromBytes(name, content, "sha256")
	must(m.t, err)
	m.target = fmt.Sprintf("/targets/%s.%s", file.Hashes["sha256"], name)
	m.files[m.target] = content
	targets := metadata.Targets(time.Now().Add(time.Hour))
	targets.Signed.Targets[name], targets.Signed.Version = file, version
	snapshot := metadata.Snapshot(time.Now().Add(time.Hour))
	snapshot.Signed.Meta["targets.json"], snapshot.Signed.Version = metadata.MetaFile(version), version
	timestamp := metadata.Timestamp(expires)
	timestamp.Signed.Meta["snapshot.json"], timestamp.Signed.Version = metadata.MetaFile(version), version
	m.files[fmt.Sprintf("/%d.targets.json", version)] = signTUF(m, metadata.TARGETS, targets)
	m.files[fmt.Sprintf("/%d.snapshot.json", version)] = signTUF(m, metadata.SNAPSHOT, snapshot)
	m.files["/timestamp.json"] = signTUF(m, metadata.TIMESTAMP, timestamp)
}

func signTUF[T metadata.Roles](m *tufMirror, role string, meta *metadata.Metadata[T]) []byte {
	m.t.Helper()
	_, err := meta.Sign(m.signer[role])
	must(m.t, err)
	text, err := meta.ToBytes(false)
	must(m.t, err)
	return text
}

// ServeHTTP implements http.Handler.
func (m *tufMirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	if m.handle != nil && m.handle(w, r) {
		return
	}
	content, ok := m.files[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Write(content)
}

// trustedRoot returns a client that trusts the mirror's first root.
func (m *tufMirror) trustedRoot() *TrustedRoot {
	return &TrustedRoot{options: func() (*tuf.Options, error) {
		options := tuf.DefaultOptions().WithCachePath(m.cache).WithRepositoryBaseURL(m.server.URL)
		return options.WithRoot(m.files["/1.root.json"]), nil
	}}
}
