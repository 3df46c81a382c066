// Package address parses IP:PORT, the address of a readiness check. net/netip would add 16
// KB to the compressed PID 1.
package address

import (
	"strconv"
	"strings"
)

// Address is an IP address and a port.
type Address struct {
	IP   [16]byte // an IPv4 address is in the first four bytes
	Is4  bool
	Port uint16

	text string
}

// String returns the address as it was written.
func (a Address) String() string { return a.text }

// Parse parses an address such as 127.0.0.1:80 or [::1]:80. It rejects port 0, zones, and
// IPv4 addresses inside IPv6 ones.
func Parse(text string) (a Address, ok bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return a, false
	}
	port, err := strconv.ParseUint(text[at+1:], 10, 16)
	if err != nil || port == 0 {
		return a, false
	}
	a.Port, a.text = uint16(port), text
	host := text[:at]
	if inner, bracket := strings.CutPrefix(host, "["); bracket {
		inner, bracket = strings.CutSuffix(inner, "]")
		return a, bracket && a.parse6(inner)
	}
	return a, a.parse4(host)
}

// parse4 parses four decimal numbers.
func (a *Address) parse4(text string) bool {
	parts := strings.Split(text, ".")
	if a.Is4 = true; len(parts) != 4 {
		return false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(p) > 1 && p[0] == '0' { // would be octal to some parsers
			return false
		}
		a.IP[i] = byte(n)
	}
	return true
}

// parse6 parses eight groups of hexadecimal digits, where "::" is one or more groups of
// zeros (RFC 4291 §2.2).
func (a *Address) parse6(text string) bool {
	head, tail, short := strings.Cut(text, "::")
	front, ok := groups(head)
	back, alsoOK := groups(tail)
	n := len(front) + len(back)
	copy(a.IP[:], front)
	if !ok || !alsoOK || n > len(a.IP) {
		return false
	}
	copy(a.IP[len(a.IP)-len(back):], back)
	return short == (n < len(a.IP)) // "::" is at least one group
}

func groups(text string) (bytes []byte, ok bool) {
	if text == "" {
		return nil, true
	}
	for g := range strings.SplitSeq(text, ":") {
		n, err := strconv.ParseUint(g, 16, 16)
		if err != nil || len(g) > 4 {
			return nil, false
		}
		bytes = append(bytes, byte(n>>8), byte(n))
	}
	return bytes, true
}
