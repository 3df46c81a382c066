package address

import (
	"net/netip"
	"strings"
	"testing"
)

var texts = []string{
	"127.0.0.1:80", "0.0.0.0:65535", "255.255.255.255:1", "[::1]:80", "[::]:1", "[1::]:1", "[1:2:3:4:5:6:7:8]:9",
	"[1:2::7:8]:9", "[fe80::AbCd]:443",
	"", ":", ":80", "80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:", "1.2.3:4",
	"1.2.3.4.5:6", "1.2.3.256:1", "1.2.3.04:1", "1..2.3:1",
	"localhost:80", "::1:80", "[::1]", "[::1:80", "::1]:80", "[127.0.0.1]:80", "[1:2:3:4:5:6:7]:8",
	"[1:2:3:4:5:6:7:8:9]:1", "[1::2::3]:4", "[:::]:1", "[:1:2:3:4:5:6:7:8]:9",
	"[1:2:3:4::5:6:7:8]:9", "[12345::]:1", "[g::]:1", "[::1%eth0]:80", "[+1::]:1", "[]:1",
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		compare(t, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(compare)
}

// compare compares Parse with net/netip, except for texts that Parse rejects on purpose.
func compare(t *testing.T, text string) {
	got, ok := Parse(text)
	want, err := netip.ParseAddrPort(text)
	unsupported := want.Port() == 0 || want.Addr().Zone() != "" || want.Addr().Is6() && strings.Contains(text, ".")
	if ok != (err == nil && !unsupported) {
		t.Fatalf("%q: %v, netip has %v", text, ok, err)
	}
	if !ok {
		return
	}
	addr := netip.AddrFrom16(got.IP)
	if got.Is4 {
		addr = netip.AddrFrom4([4]byte(got.IP[:4]))
	}
	if addr != want.Addr() || got.Port != want.Port() || got.String() != text {
		t.Errorf("%q: %v %d, want %v", text, addr, got.Port, want)
	}
}
