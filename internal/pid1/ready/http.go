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

// maxStatusLine is how much of an answer is read, in bytes. Nothing behind the
// number in the status line matters.
const maxStatusLine = 64

// badStatus is the first status that says that something is wrong (RFC 9110 §15).
const badStatus = 400

var errNoHTTP = errors.New("the answer is not HTTP")

// http asks whether a page answers with a status below 400.
func http(url string) (asker, error) {
	rest, plain := strings.CutPrefix(url, "http://")
	host, path, _ := strings.Cut(rest, "/")
	if !plain || strings.ContainsAny(rest, " \r\n\t") {
		return nil, errors.New("ready: " + quote(url) + " is no address of a page; give http://IP:PORT/PATH")
	}
	to, err := parseAddress(host)
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

// get sends a request and returns the status of the answer.
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

// parseStatus reads the number in a status line (RFC 9112 §4), of which the end may
// be missing.
func parseStatus(answer []byte) (int, error) {
	version, rest, _ := bytes.Cut(answer, []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(rest) < 3 {
		return 0, errNoHTTP
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil || status < 100 || len(rest) > 3 && bytes.IndexByte([]byte(" \r\n"), rest[3]) < 0 {
		return 0, errNoHTTP
	}
	return status, nil
}
