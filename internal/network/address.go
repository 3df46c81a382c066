package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrAddress is wrapped by the error for an address that a request must not reach.
var ErrAddress = errors.New("address is not allowed")

// metadata are the addresses of clouds' metadata services that are not link-local. They
// give credentials of the machine to every process on it.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

// internal are the ranges of special addresses (RFC 6890) that netip has no method for.
var internal = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared address space of providers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("fec0::/10"), // site-local
}

// isPublic reports whether an address is one of the internet.
func isPublic(address netip.Addr) bool {
	address = embedded(address)
	in := func(p netip.Prefix) bool { return p.Contains(address) }
	return address.IsGlobalUnicast() && !address.IsPrivate() && !isMetadata(address) && !slices.ContainsFunc(internal, in)
}

// isMetadata reports whether an address is link-local or that of a metadata service.
func isMetadata(address netip.Addr) bool {
	address = embedded(address)
	return address.IsLinkLocalUnicast() || address.IsLinkLocalMulticast() || slices.Contains(metadata, address)
}

// translated are the prefixes of IPv6 addresses that contain one of IPv4, and its offset.
var translated = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12, // RFC 6052
	netip.MustParsePrefix("2002::/16"):    2,  // RFC 3056
	netip.MustParsePrefix("::/96"):        12, // RFC 4291, section 2.5.5.1
}

// embedded returns the address of IPv4 that a packet is delivered to, and others unchanged.
func embedded(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is4() || address == netip.IPv6Loopback() || address == netip.IPv6Unspecified() {
		return address
	}
	for prefix, offset := range translated {
		if prefix.Contains(address) {
			bytes := address.As16()
			return netip.AddrFrom4([4]byte(bytes[offset : offset+4]))
		}
	}
	return address
}

// check returns an error that wraps ErrAddress where an address must not be reached.
func (p *Pools) check(address netip.Addr, publicOnly bool) error {
	if isMetadata(address) {
		return fmt.Errorf("%w: %s is link-local or a metadata service of a cloud", ErrAddress, address)
	}
	if publicOnly && !p.isPublic(address) {
		return fmt.Errorf("%w: %s is private, and a public host leads to it; use the name of the private host itself",
			ErrAddress, address)
	}
	return nil
}
