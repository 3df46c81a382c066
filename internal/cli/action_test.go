package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/fixtures/components"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"linuxkit-action": func() { os.Exit(Main(os.Args[1:])) },
	})
}

// suite takes down what the scripts have shared.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer theEnd.close()
	return s.M.Run()
}

// theEnd is what is to be closed after the last script.
var theEnd end

type end []func() error

func (e *end) close() {
	for i := range *e {
		(*e)[len(*e)-1-i]() // the folder last, once nobody writes to it
	}
}

// TestScripts runs the commands as a user does; each script in fixtures/scripts is a
// page of documentation as well. In a script $MIRROR leads to a registry with the
// fixtures' components, signed by $KEYS/cosign.key; $LIAR leads to one that changes
// a byte in every layer, $DISTRIBUTION to one run by Debian's docker-registry, where
// `retag FROM TO` moves a tag. For signatures without a key $SIGNING_CONFIG and
// $TRUSTED_ROOT are of a real Sigstore, which takes $TOKEN of acme's release workflow, by
// $ISSUER, and $STRANGERS_TOKEN. `vault KEY...` starts a real Vault that holds keys, and
// sets $VAULT_ADDR and $VAULT_TOKEN. `silence` starts a server that never answers, at
// $SILENCE, and `asked` waits until somebody has turned to it. $FRESH is a name that no
// other run has. UPDATE=1 writes the golden parts anew.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "../../fixtures/scripts",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"retag": retag, "vault": startVault, "silence": startSilence, "asked": waitUntilAsked},
		Setup: func(env *testscript.Env) error {
			world, err := theWorld()
			if err != nil {
				return err
			}
			bin, err := filepath.Abs("../../bin") // cosign, as make test builds it
			if err != nil {
				return err
			}
			env.Setenv("PATH", env.Getenv("PATH")+string(os.PathListSeparator)+bin)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("COSIGN_PASSWORD", "")
			env.Setenv("MIRROR", world.registry.Mirror())
			env.Setenv("DISTRIBUTION", world.distribution.Mirror())
			env.Setenv("LIAR", registry.Host+"="+world.liar.URL)
			env.Setenv("KEYS", world.keys)
			env.Setenv("STRANGER", world.stranger)
			env.Setenv("KEY", world.key)
			env.Setenv("FRESH", strings.ToLower(rand.Text()))
			setSilence(env)
			return setSigstore(env, world.sigstore)
		},
	})
}

// retag lets a tag of $DISTRIBUTION mean what another means: retag busybox:demo app:1.
func retag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: retag FROM TO")
	}
	world, err := theWorld()
	ts.Check(err)
	from, err := name.NewTag(world.distribution.Addr() + "/" + args[0])
	ts.Check(err)
	made, err := remote.Image(from)
	ts.Check(err)
	_, err = world.distribution.Push(context.Background(), made, args[1])
	ts.Check(err)
}

// world is what all scripts share.
type world struct {
	registry *registry.Registry
	// distribution is Debian's docker-registry, with the same components.
	distribution *registry.Registry
	liar         *httptest.Server
	keys         string
	stranger     string // folder with the keys of somebody else
	key          string // our private key's text
	sigstore     *sigstore.Sigstore
}

// theWorld makes components from Debian packages, or finds them made, and signs them.
var theWorld = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "keys-")
	if err != nil {
		return nil, err
	}
	theEnd = append(theEnd, func() error { return os.RemoveAll(dir) })
	w := &world{keys: filepath.Join(dir, "ours"), stranger: filepath.Join(dir, "theirs")}
	if err := errors.Join(registry.NewKey(w.keys), registry.NewKey(w.stranger)); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(w.keys, registry.PrivateKey))
	if err != nil {
		return nil, err
	}
	w.key = string(key)
	if w.registry, err = registry.Start(); err != nil {
		return nil, err
	}
	theEnd = append(theEnd, w.registry.Close)
	if w.distribution, err = registry.StartDebian(filepath.Join(dir, "distribution")); err != nil {
		return nil, err
	}
	theEnd = append(theEnd, w.distribution.Close)
	if w.sigstore, err = startSigstore(filepath.Join(dir, "sigstore")); err != nil {
		return nil, err
	}
	for _, name := range components.Names() {
		for _, to := range []*registry.Registry{w.registry, w.distribution} {
			if _, err := to.Offer(context.Background(), name, w.keys); err != nil {
				return nil, err
			}
		}
	}
	origin, err := url.Parse("http://" + w.registry.Addr())
	if err != nil {
		return nil, err
	}
	w.liar = httptest.NewServer(lie(origin))
	return w, nil
})

// lie stands in front of a registry and changes one byte in the middle of every layer.
func lie(origin *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(origin)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method != http.MethodGet || !strings.Contains(r.Request.URL.Path, "/blobs/") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			body[len(body)/2] ^= 1
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return nil
	}
	return proxy
}
