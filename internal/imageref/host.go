package imageref

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// DockerHub is the normalized host of Docker Hub.
const DockerHub = "docker.io"

// dockerHubHosts are the hosts of Docker Hub.
var dockerHubHosts = []string{DockerHub, name.DefaultRegistry, "registry-1.docker.io", "registry.hub.docker.com"}

// Aliases returns the hosts of the registry with a normalized host, that host first.
// Credentials may be stored for any of them.
func Aliases(host string) []string {
	if host == DockerHub {
		return dockerHubHosts
	}
	if _, port := cutPort(host); port != "" {
		return []string{host}
	}
	return []string{host, host + ":443"}
}

// Bounds of a host (RFC 1035, section 2.3.4).
const maxHost = 253

// domain is a host name in lower case. Networks of containers have names with _.
var domain = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// Host normalizes HOST[:PORT] of a registry. Errors wrap ErrInvalid.
func Host(text string) (string, error) {
	host, port := cutPort(strings.ToLower(text))
	host, err := normalizeHost(host)
	if err != nil {
		return "", fmt.Errorf("%w: host %.100q of a registry: %w", ErrInvalid, text, err)
	}
	if port, err = normalizePort(host, port); err != nil {
		return "", fmt.Errorf("%w: host %.100q of a registry: %w", ErrInvalid, text, err)
	}
	for _, hub := range dockerHubHosts {
		if host+port == hub {
			return DockerHub, nil
		}
	}
	return host + port, nil
}

// normalizePort returns :PORT, and "" for the default port. A host of one label keeps its
// port: without one it would be an organization of Docker Hub.
func normalizePort(host, port string) (string, error) {
	const tls, plain = 443, 80
	if port == "" {
		port = strconv.Itoa(tls)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", errors.New("port must be from 1 to 65535")
	}
	if IsHost(host) && (number == tls || number == plain && IsLoopback(host)) {
		return "", nil
	}
	return ":" + strconv.FormatUint(number, 10), nil
}

// cutPort splits a host at its port; an address of IPv6 is in brackets.
func cutPort(text string) (host, port string) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || i < strings.LastIndexByte(text, ']') {
		return text, ""
	}
	return text[:i], text[i+1:]
}

func normalizeHost(host string) (string, error) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || address.Zone() != "" || !strings.HasSuffix(host, "]") {
			return "", errors.New("not an address in brackets")
		}
		if address = address.Unmap(); address.Is4() {
			return address.String(), nil
		}
		return "[" + address.String() + "]", nil
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > maxHost || !domain.MatchString(host) {
		return "", errors.New("not a host name")
	}
	if endsInNumber(host) {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", errors.New("not an address; write all four numbers in decimal")
		}
	}
	return host, nil
}

// endsInNumber reports whether resolvers may read a host as an address of IPv4, as in
// 127.1 and 0x7f000001 (URL Standard, "ends in a number checker").
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok && strings.Trim(hex, "0123456789abcdef") == "" {
		return true
	}
	return strings.Trim(last, "0123456789") == ""
}

// IsLoopback reports whether a normalized host is this machine. Such registries use HTTP
// without TLS, as in docker pull.
func IsLoopback(host string) bool {
	host, _ = cutPort(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}
