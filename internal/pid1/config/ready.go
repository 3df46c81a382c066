package config

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/address"
)

// localhost is the address of a port without an address.
const localhost = "127.0.0.1"

// ready decodes a readiness check. If there is more than one key the first is used.
func (d *decoder) ready(to *Ready) decode {
	return func(n node, at string) {
		var ready Ready
		if n.kind == mapping && len(n.keys) > 1 {
			d.invalid(n, at, "must have only one key; "+n.keys[0].text+" is used")
			n.keys, n.items = n.keys[:1], n.items[:1]
		}
		d.mapping(n, at+".", []field{
			{"tcp", d.address(&ready.TCP)},
			{"http", d.url(&ready.HTTP)},
			{"file", d.path(&ready.File)},
			{"exec", d.command(&ready.Exec)},
			{"log", d.text(&ready.Log)},
			{"notify", d.choice(&ready.Notify, "sd", "fd")},
		})
		*to = ready
	}
}

// address decodes PORT, :PORT or IP:PORT.
func (d *decoder) address(to *string) decode {
	return func(n node, at string) {
		address, ok := hostPort(n.text)
		if n.kind != scalar || !ok {
			d.invalid(n, at, "must be PORT or IP:PORT"+actual(n))
			return
		}
		*to = address
	}
}

// url decodes PORT, [http://][IP]:PORT[/PATH] or {port: PORT, path: PATH}.
func (d *decoder) url(to *string) decode {
	return func(n node, at string) {
		text := strings.TrimPrefix(n.text, "http://")
		if n.kind == mapping {
			var port, path string
			d.mapping(n, at+".", []field{{"port", d.text(&port)}, {"path", d.path(&path)}})
			text = port + path
		}
		host, path, _ := strings.Cut(text, "/")
		address, ok := hostPort(host)
		if n.kind == sequence || !ok || strings.ContainsAny(path, " \r\n\t") {
			d.invalid(n, at, "must be PORT, IP:PORT/PATH or {port: PORT, path: PATH}, without TLS or host name"+actual(n))
			return
		}
		*to = "http://" + address + "/" + path
	}
}

// hostPort parses PORT, :PORT, localhost:PORT or IP:PORT into IP:PORT. Other host names are
// rejected: PID 1 has no resolver.
func hostPort(text string) (string, bool) {
	host, port := localhost, text
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		host, port = text[:at], text[at+1:]
	}
	if host == "" || host == "localhost" {
		host = localhost
	}
	a, ok := address.Parse(host + ":" + port)
	return a.String(), ok
}
