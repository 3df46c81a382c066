package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/org/linuxkit-action/fixtures/components"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/fixtures/services"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/fixtures/tools"
	"github.com/org/linuxkit-action/fixtures/vault"
)

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"linuxkit-action": func() { os.Exit(Main(os.Args[1:])) },
	})
}

// suite runs the tests and then stops the servers that the scripts share.
type suite struct{ m *testing.M }

func (s suite) Run() int { return servers.Run(s.m) }

// servers are those that all scripts share.
var servers services.Group

// TestScripts runs the scripts in fixtures/scripts. Each tests a command as a user types it.
// Scripts have these variables:
//
//	MIRROR          --mirror of a registry with the components, signed by $KEYS/cosign.key
//	DISTRIBUTION    --mirror of Debian's docker-registry with the same content
//	TAMPERED        --mirror of a registry that changes one byte of each layer
//	KEYS, KEY       folder of the key pair, and the text of its private key
//	OTHER_KEYS      folder of a second key pair
//	SIGNING_CONFIG, TRUSTED_ROOT, ISSUER    files and issuer of a Sigstore
//	TOKEN           identity token of acme's release workflow, by ISSUER
//	OTHER_TOKEN     identity token of a workflow in another repository
//	UNIQUE          a name that no other run has
//
// and these commands:
//
//	retag FROM TO        copies a tag in $DISTRIBUTION: retag busybox:demo app:1
//	vault KEY[=TYPE]...  starts a Vault with keys; sets VAULT_ADDR and VAULT_TOKEN
//	silent-server        starts a server that accepts connections and never responds, at $SILENT
//	wait-request         waits for a connection to $SILENT
//
// UPDATE=1 updates the golden files in the scripts.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "../../fixtures/scripts",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup:         setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"retag": retag, "vault": startVault, "silent-server": startSilentServer, "wait-request": waitRequest,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	f, err := loadFixture()
	if err != nil {
		return err
	}
	bin, err := tools.Dir() // cosign and cosign3
	if err != nil {
		return err
	}
	other := sigstore.Release
	other.Repository = "eve/web"
	issuers := f.sigstore.Issuers
	token, err := issuers.Token(issuers.Actions, sigstore.Release)
	if err != nil {
		return err
	}
	otherToken, err := issuers.Token(issuers.Actions, other)
	if err != nil {
		return err
	}
	for key, value := range map[string]string{
		"PATH":           env.Getenv("PATH") + string(os.PathListSeparator) + bin,
		"HOME":           env.WorkDir,
		"XDG_CACHE_HOME": filepath.Join(env.WorkDir, "cache"),

		"COSIGN_PASSWORD": "",
		"MIRROR":          f.registry.Mirror(),
		"DISTRIBUTION":    f.distribution.Mirror(),
		"TAMPERED":        f.tampered.Mirror(),
		"KEYS":            f.keys,
		"KEY":             f.key,
		"OTHER_KEYS":      f.otherKeys,
		"SIGNING_CONFIG":  f.sigstore.SigningConfig(),
		"TRUSTED_ROOT":    f.sigstore.TrustedRoot(),
		"ISSUER":          issuers.Actions,
		"TOKEN":           token,
		"OTHER_TOKEN":     otherToken,
		"UNIQUE":          strings.ToLower(rand.Text()),
	} {
		env.Setenv(key, value)
	}
	env.Values[silentKey{}] = new(silentServer)
	return nil
}

// fixture is what all scripts share.
type fixture struct {
	registry, distribution, tampered *registry.Registry

	keys, otherKeys string // folders of key pairs
	key             string // text of the private key in keys
	sigstore        *sigstore.Sigstore
}

// loadFixture starts the servers and pushes signed components, once.
var loadFixture = sync.OnceValues(func() (f *fixture, err error) {
	f = new(fixture)
	if f.keys, err = servers.NewKey("keys"); err != nil {
		return nil, err
	}
	if f.otherKeys, err = servers.NewKey("other"); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(f.keys, registry.PrivateKey))
	if err != nil {
		return nil, err
	}
	f.key = string(key)
	if f.registry, err = servers.Registry(); err != nil {
		return nil, err
	}
	if f.distribution, err = servers.Distribution(); err != nil {
		return nil, err
	}
	if f.tampered, err = servers.Tampering(f.registry); err != nil {
		return nil, err
	}
	if f.sigstore, err = servers.Sigstore(); err != nil {
		return nil, err
	}
	return f, services.PushComponents(context.Background(), f.keys, components.Names(), f.registry, f.distribution)
})

func retag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: retag FROM TO")
	}
	f, err := loadFixture()
	ts.Check(err)
	from, err := name.NewTag(f.distribution.Addr() + "/" + args[0])
	ts.Check(err)
	img, err := remote.Image(from)
	ts.Check(err)
	_, err = f.distribution.Push(context.Background(), img, args[1])
	ts.Check(err)
}

func startVault(ts *testscript.TestScript, neg bool, names []string) {
	if neg || len(names) == 0 {
		ts.Fatalf("usage: vault KEY[=TYPE]...")
	}
	v, err := vault.Start()
	ts.Check(err)
	ts.Defer(func() { ts.Check(v.Close()) })
	for _, name := range names {
		name, keyType, _ := strings.Cut(name, "=")
		ts.Check(v.NewKey(name, cmp.Or(keyType, "ecdsa-p256")))
	}
	for name, value := range v.Environ() {
		ts.Setenv(name, value)
	}
}

// silentServer is a script's server that never responds: the kernel completes the
// connections, and nothing reads from them.
type silentServer struct{ listener *net.TCPListener }

// silentKey is the key of a script's silentServer in its values.
type silentKey struct{}

func startSilentServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: silent-server")
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	ts.Check(err)
	ts.Defer(func() { ts.Check(listener.Close()) })
	ts.Value(silentKey{}).(*silentServer).listener = listener
	ts.Setenv("SILENT", "http://"+listener.Addr().String())
}

func waitRequest(ts *testscript.TestScript, neg bool, args []string) {
	listener := ts.Value(silentKey{}).(*silentServer).listener
	if neg || len(args) != 0 || listener == nil {
		ts.Fatalf("usage: wait-request, after silent-server")
	}
	ts.Check(listener.SetDeadline(time.Now().Add(time.Minute)))
	connection, err := listener.Accept()
	ts.Check(err)
	ts.Defer(func() { connection.Close() })
}
