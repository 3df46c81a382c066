package config

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/address"
)

// localhost is where a port is that stands alone.
const localhost = "127.0.0.1"

// ready reads how a service proves that it is ready. Of several ways the first holds.
func (r *reader) ready(to *Ready) read {
	return func(n node, at string) {
		var ready Ready
		if n.kind == mapping && len(n.keys) > 1 {
			r.wrong(n, at, "must be one way to tell; "+n.keys[0].text+" holds")
			n.keys, n.items = n.keys[:1], n.items[:1]
		}
		r.mapping(n, at+".", []field{
			{"tcp", r.address(&ready.TCP)},
			{"http", r.url(&ready.HTTP)},
			{"file", r.path(&ready.File)},
			{"exec", r.command(&ready.Exec)},
			{"log", r.text(&ready.Log)},
			{"notify", r.choice(&ready.Notify, "sd", "fd")},
		})
		*to = ready
	}
}

// address reads PORT, :PORT or IP:PORT.
func (r *reader) address(to *string) read {
	return func(n node, at string) {
		address, ok := hostPort(n.text)
		if n.kind != scalar || !ok {
			r.wrong(n, at, "must be a PORT or IP:PORT"+shown(n))
			return
		}
		*to = address
	}
}

// url reads PORT, [http://][IP]:PORT[/PATH] or {port: PORT, path: PATH}.
func (r *reader) url(to *string) read {
	return func(n node, at string) {
		text := strings.TrimPrefix(n.text, "http://")
		if n.kind == mapping {
			var port, path string
			r.mapping(n, at+".", []field{{"port", r.text(&port)}, {"path", r.path(&path)}})
			text = port + path
		}
		host, path, _ := strings.Cut(text, "/")
		address, ok := hostPort(host)
		if n.kind == sequence || !ok || strings.ContainsAny(path, " \r\n\t") {
			r.wrong(n, at, "must be a PORT, IP:PORT/PATH or {port: PORT, path: PATH}; there is no TLS and no resolver"+shown(n))
			return
		}
		*to = "http://" + address + "/" + path
	}
}

// hostPort completes PORT, :PORT, localhost:PORT and IP:PORT. Names cannot be had:
// PID 1 has no resolver.
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
