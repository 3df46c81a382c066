package control

import (
	"io"
	"os"
	"time"
)

// Call sends a request to the socket at path and returns the response. It fails after timeout.
func Call(path string, request Request, timeout time.Duration) (Response, error) {
	line := request.line()
	if _, err := parseRequest(line); err != nil {
		return Response{}, err
	}
	server, err := connect(path)
	if err != nil {
		return Response{}, err
	}
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(timeout)); err != nil {
		return Response{}, err
	}
	if _, err := server.WriteString(line); err != nil {
		return Response{}, err
	}
	return readResponse(server)
}

func readResponse(server *os.File) (Response, error) {
	const most = maxResponse + 1024 // the exit status is not counted
	data, err := io.ReadAll(io.LimitReader(server, most))
	if err != nil {
		return Response{}, err
	}
	return parseResponse(string(data))
}
