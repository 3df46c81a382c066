package control

import (
	"io"
	"os"
	"time"
)

// Ask sends a request to the socket at path and returns the answer, for which
// it waits no longer than patience.
func Ask(path string, request Request, patience time.Duration) (Answer, error) {
	line := request.line()
	if _, err := parseRequest(line); err != nil {
		return Answer{}, err
	}
	server, err := connect(path)
	if err != nil {
		return Answer{}, err
	}
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
		return Answer{}, err
	}
	if _, err := server.WriteString(line); err != nil {
		return Answer{}, err
	}
	return readAnswer(server)
}

func readAnswer(server *os.File) (Answer, error) {
	const most = maxAnswer + 1024 // the last lines are beside the bound
	data, err := io.ReadAll(io.LimitReader(server, most))
	if err != nil {
		return Answer{}, err
	}
	return parseAnswer(string(data))
}
