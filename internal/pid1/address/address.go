// Package address reads IP:PORT, where a service listens. The standard library has
// net/netip for it, which with what it brings is 16 KB of PID 1 as it is shipped.
package address

import (
	"strconv"
	"strings"
)

// Address is an IP address and a port.
type Address struct {
	IP   [16]byte // an IPv4 address is in the first four
	Is4  bool
	Port uint16

	text string
}

// String is the address as it was written.
func (a Address) String() string { return a.text }

// Parse reads 127.0.0.1:80 and [::1]:80. There is no port 0, no zone, and no IPv4
// address within an IPv6 one.
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

// parse4 reads four decimal numbers.
func (a *Address) parse4(text string) bool {
	parts := strings.Split(text, ".")
	if a.Is4 = true; len(parts) != 4 {
		return false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(p) > 1 && p[0] == '0' { // which some take for octal
			return false
		}
		a.IP[i] = byte(n)
	}
	return true
}

// parse6 reads eight groups of hexadecimal digits, of which "::" stands for any
// number that are zero (RFC 4291, section 2.2).
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
	return short == (n < len(a.IP)) // what it stands for is there
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
