// Package network restricts the addresses that requests reach.
//
// A host that the user names, in an image reference, on the command line or in the
// workflow, may be at any address, as in docker pull. A response may lead to another host:
// by a redirect, or by the address of a token service. From a public host it never leads to
// a loopback or private address; from a private one it may. Link-local addresses, where
// clouds have their metadata services, are never reached.
//
// The address is checked when it is dialed, so the name of a host, and a second answer of
// its DNS server, make no difference. Behind a proxy, which resolves names itself, only
// addresses in URLs are checked.
package network

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// connectTimeout bounds one connection attempt.
const connectTimeout = 10 * time.Second

// Pools are the connections of a process. Those that public hosts led to are kept apart, so
// that such a request never uses a connection to a private address.
type Pools struct {
	any, public *http.Transport
	isPublic    func(netip.Addr) bool
}

// NewPools returns pools with the settings of a transport.
func NewPools(base *http.Transport) *Pools {
	p := &Pools{any: base.Clone(), public: base.Clone(), isPublic: isPublic}
	p.any.DialContext = p.dialer(false)
	p.public.DialContext = p.dialer(true)
	return p
}

// DefaultTransport returns a clone of http.DefaultTransport, the base for NewPools.
func DefaultTransport() *http.Transport { return http.DefaultTransport.(*http.Transport).Clone() }

// proxiedKey is in the context of a dial to a proxy.
type proxiedKey struct{}

func (p *Pools) dialer(publicOnly bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: connectTimeout}
	d.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		if ctx.Value(proxiedKey{}) != nil {
			return nil // the user configures the proxy
		}
		dialed, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
		return p.check(dialed.Addr(), publicOnly)
	}
	return d.DialContext
}

// Transport sends the requests to one named host, and those that its responses lead to.
type Transport struct {
	pools   *Pools
	host    string      // HOST[:PORT] of URLs that the user names; "" for any
	public  atomic.Bool // a connection to the host was to a public address
	private atomic.Bool // one was to a private address
}

// Transport returns a transport to a host. Without a host, every request that is no
// redirect is to a host that the user names.
func (p *Pools) Transport(host string) *Transport { return &Transport{pools: p, host: host} }

// publicKey is in the context of Response.Request: a public host is in the chain of
// redirects up to this response.
type publicKey struct{}

// RoundTrip implements http.RoundTripper. The error wraps ErrAddress for an address that
// the request must not reach.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	led, publicChain := t.origin(request)
	pool := t.pools.any
	if publicChain {
		pool = t.pools.public
	}
	ctx := request.Context()
	var public atomic.Bool
	proxied, err := isProxied(pool, request)
	if err != nil {
		return nil, err
	}
	if proxied {
		if err := t.pools.checkURL(request.URL, publicChain); err != nil {
			return nil, err
		}
		ctx = context.WithValue(ctx, proxiedKey{}, true)
		public.Store(!namesPrivate(request.URL))
	} else {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			remote, err := netip.ParseAddrPort(info.Conn.RemoteAddr().String())
			public.Store(err != nil || t.pools.isPublic(remote.Addr()))
		}})
	}
	response, err := pool.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if !led {
		t.record(public.Load())
	}
	marked := context.WithValue(request.Context(), publicKey{}, publicChain || public.Load())
	response.Request = request.WithContext(marked)
	return response, nil
}

// isProxied reports whether a proxy is configured for a request.
func isProxied(pool *http.Transport, request *http.Request) (bool, error) {
	if pool.Proxy == nil {
		return false, nil
	}
	proxy, err := pool.Proxy(request)
	return proxy != nil, err
}

// record records the kind of address of the named host.
func (t *Transport) record(public bool) {
	if public {
		t.public.Store(true)
	} else {
		t.private.Store(true)
	}
}

// origin reports whether a response led to the request, and whether a public host did.
func (t *Transport) origin(request *http.Request) (led, public bool) {
	if previous := request.Response; previous != nil && previous.Request != nil {
		public, known := previous.Request.Context().Value(publicKey{}).(bool)
		return true, public || !known
	}
	if t.host == "" || request.URL.Host == t.host {
		return false, false
	}
	return true, t.public.Load() || !t.private.Load()
}

// checkURL checks the address in a URL, if there is one. A proxy resolves names.
func (p *Pools) checkURL(u *url.URL, publicOnly bool) error {
	address, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		if publicOnly && namesPrivate(u) {
			return fmt.Errorf("%w: %s is private, and a public host leads to it", ErrAddress, u.Host)
		}
		return nil
	}
	return p.check(address, publicOnly)
}

// namesPrivate reports whether a URL contains a private address, or is of this machine.
func namesPrivate(u *url.URL) bool {
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		return !isPublic(address)
	}
	return u.Hostname() == "localhost"
}
