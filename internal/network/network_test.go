package network

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// publicHost is a loopback address that the pools of newPools take for a public one.
const publicHost = "127.0.0.2"

func newPools() *Pools {
	p := NewPools(DefaultTransport())
	p.isPublic = func(a netip.Addr) bool { return a.String() == publicHost }
	return p
}

// serve starts a server at an address of this machine and returns its host and port.
func serve(t *testing.T, address string, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return listener.Addr().String()
}

func content(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "content") }

func redirectTo(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

func get(transport http.RoundTripper, url string) error {
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err == nil {
		response.Body.Close()
	}
	return err
}

// TestPublicHostCannotLeadToPrivateAddress covers redirects and token services, directly and
// through a chain. The private server is also a named host: its connection is idle in the
// pool, and must not be used.
func TestPublicHostCannotLeadToPrivateAddress(t *testing.T) {
	t.Parallel()
	private := serve(t, "127.0.0.1", content)
	public := serve(t, publicHost, content)
	leads := serve(t, publicHost, redirectTo("http://"+private))
	_, port, _ := net.SplitHostPort(private)
	for name, tt := range map[string]struct {
		registry string
		want     error
	}{
		"public to private":                {registry: serve(t, publicHost, redirectTo("http://"+private)), want: ErrAddress},
		"public to private, by name":       {registry: serve(t, publicHost, redirectTo("http://localhost:"+port)), want: ErrAddress},
		"public to public":                 {registry: serve(t, publicHost, redirectTo("http://"+public))},
		"private to private":               {registry: serve(t, "127.0.0.1", redirectTo("http://"+private))},
		"private to public":                {registry: serve(t, "127.0.0.1", redirectTo("http://"+public))},
		"private to public to private":     {registry: serve(t, "127.0.0.1", redirectTo("http://"+leads)), want: ErrAddress},
		"private to metadata service":      {registry: serve(t, "127.0.0.1", redirectTo("http://169.254.169.254/latest")), want: ErrAddress},
		"private to metadata over IPv6":    {registry: serve(t, "127.0.0.1", redirectTo("http://[fd00:ec2::254]/latest")), want: ErrAddress},
		"public to public to private":      {registry: serve(t, publicHost, redirectTo("http://"+leads)), want: ErrAddress},
		"public to link-local IPv4 mapped": {registry: serve(t, publicHost, redirectTo("http://[::ffff:169.254.169.254]/")), want: ErrAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pools := newPools()
			if err := get(pools.Transport(private), "http://"+private); err != nil {
				t.Fatal(err)
			}
			if err := get(pools.Transport(tt.registry), "http://"+tt.registry); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestTokenServiceOfPublicRegistryMustBePublic: a client requests its URL without redirect.
func TestTokenServiceOfPublicRegistryMustBePublic(t *testing.T) {
	t.Parallel()
	token := serve(t, "127.0.0.1", content)
	registries := map[string]error{serve(t, publicHost, content): ErrAddress, serve(t, "127.0.0.1", content): nil}
	for registry, want := range registries {
		transport := newPools().Transport(registry)
		if err := get(transport, "http://"+token); !errors.Is(err, ErrAddress) {
			t.Errorf("before a request to the registry: %v", err)
		}
		if err := get(transport, "http://"+registry); err != nil {
			t.Fatal(err)
		}
		if err := get(transport, "http://"+token); !errors.Is(err, want) {
			t.Errorf("registry %s: got %v, want %v", registry, err, want)
		}
	}
}

// TestSecondAnswerOfDNSMakesNoDifference: a public host redirects to itself, and its name
// now has a private address.
func TestSecondAnswerOfDNSMakesNoDifference(t *testing.T) {
	t.Parallel()
	pools := newPools()
	var host string
	var private atomic.Bool
	pools.isPublic = func(netip.Addr) bool { return !private.Load() }
	host = serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		private.Store(true)
		w.Header().Set("Connection", "close")
		redirectTo("http://"+host+"/internal")(w, r)
	})
	if err := get(pools.Transport(host), "http://"+host); !errors.Is(err, ErrAddress) {
		t.Errorf("got %v", err)
	}
}

func TestNamedHostMayBePrivateButNotLinkLocal(t *testing.T) {
	t.Parallel()
	private := serve(t, "127.0.0.1", content)
	if err := get(newPools().Transport(""), "http://"+private); err != nil {
		t.Error(err)
	}
	for _, host := range []string{
		"169.254.169.254", "169.254.1.1:5000", "[fe80::1]", "[fd00:ec2::254]", "168.63.129.16", "[64:ff9b::a9fe:a9fe]",
	} {
		err := get(newPools().Transport(host), "http://"+host+"/latest/meta-data")
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "metadata service") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestProxyOfTheUserIsDialed: the address of the proxy is not restricted, those in URLs are.
func TestProxyOfTheUserIsDialed(t *testing.T) {
	t.Parallel()
	proxy := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/redirect" {
			redirectTo(r.URL.Query().Get("to"))(w, r)
			return
		}
		content(w, r)
	})
	base := DefaultTransport()
	base.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy})
	transport := NewPools(base).Transport("registry.example")
	for to, want := range map[string]error{
		"http://cdn.example/x": nil, "http://127.0.0.1/x": ErrAddress, "http://localhost/x": ErrAddress,
		"http://169.254.169.254/x": ErrAddress, "http://10.0.0.1/x": ErrAddress,
	} {
		if err := get(transport, "http://registry.example/redirect?to="+to); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", to, err, want)
		}
	}
}

func TestClassesOfAddresses(t *testing.T) {
	t.Parallel()
	for text, public := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "203.0.113.7": true, "172.32.0.1": true, "64:ff9b::808:808": true,
		"127.0.0.1": false, "127.255.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "100.64.0.1": false, "169.254.169.254": false, "224.0.0.1": false,
		"255.255.255.255": false, "::1": false, "::": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false,
		"fc00::1": false, "fe80::1": false, "fe80::1%eth0": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"2002:a00:1::": false, "fec0::1": false, "ff02::1": false,
	} {
		if isPublic(netip.MustParseAddr(text)) != public {
			t.Errorf("%s: public %v", text, !public)
		}
	}
}
