package ready

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxStatusLine is how much of the response is read, in bytes. Only the status code is used.
const maxStatusLine = 64

// badStatus is the lowest status code that reports an error (RFC 9110 §15).
const badStatus = 400

var errNotHTTP = errors.New("response is not HTTP/1.x")

// http returns a check that a GET of url is answered with a status below 400.
func http(url string) (checkFunc, error) {
	rest, plain := strings.CutPrefix(url, "http://")
	host, path, _ := strings.Cut(rest, "/")
	if !plain || strings.ContainsAny(rest, " \r\n\t") {
		return nil, errors.New("ready: http: " + quote(url) + " is not a URL of the form http://IP:PORT/PATH")
	}
	to, err := parseAddress("http", host)
	if err != nil {
		return nil, err
	}
	request := "GET /" + path + " HTTP/1.0\r\nHost: " + host + "\r\nUser-Agent: linuxkit-init\r\n\r\n"
	return func(ctx context.Context, pid int) error {
		f, err := dial(ctx, to, pid)
		if err != nil {
			return err
		}
		defer f.Close()
		status, err := get(f, request)
		if err == nil && status >= badStatus {
			err = errors.New(url + ": status " + strconv.Itoa(status))
		}
		return err
	}, nil
}

// get sends a request and returns the status code of the response.
func get(f *os.File, request string) (int, error) {
	if _, err := f.WriteString(request); err != nil {
		return 0, err
	}
	answer := make([]byte, 0, maxStatusLine)
	for len(answer) < cap(answer) && !bytes.Contains(answer, []byte("\n")) {
		n, err := f.Read(answer[len(answer):cap(answer)])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		answer = answer[:len(answer)+n]
	}
	return parseStatus(answer)
}

// parseStatus returns the code in a status line (RFC 9112 §4), which may be cut off behind the
// code.
func parseStatus(answer []byte) (int, error) {
	version, rest, _ := bytes.Cut(answer, []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(rest) < 3 {
		return 0, errNotHTTP
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil || status < 100 || len(rest) > 3 && bytes.IndexByte([]byte(" \r\n"), rest[3]) < 0 {
		return 0, errNotHTTP
	}
	return status, nil
}
