package component

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// answer is what a registry said when it was asked last; its body lies among the blobs.
type answer struct {
	Question string  `json:"question"`
	Status   int     `json:"status"` // 200, or 404: there is no such thing
	Type     string  `json:"type"`   // of the body
	Digest   v1.Hash `json:"digest"` // of the body
}

// maxNoteBytes bounds the file of an answer.
const maxNoteBytes = 64 << 10

func (c *Cache) notePath(question string) string {
	return filepath.Join(c.dir, "answers", digestOf([]byte(question)).Hex+".json")
}

// note keeps an answer, its body excepted.
func (c *Cache) note(question string, a answer) error {
	a.Question = question
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return c.keep(c.notePath(question), text)
}

// keep writes a small file, unless it is there already and the same.
func (c *Cache) keep(path string, content []byte) error {
	if known, err := readFile(path, int64(len(content))+1); err == nil && bytes.Equal(known, content) {
		return nil
	}
	return c.write(path, content)
}

// recall returns the last answer to a question. What is damaged counts as not there.
func (c *Cache) recall(question string) (answer, []byte, bool) {
	text, err := readFile(c.notePath(question), maxNoteBytes)
	if err != nil {
		return answer{}, nil, false
	}
	a, ok := parseAnswer(text)
	if !ok || a.Question != question {
		return answer{}, nil, false
	}
	body, ok := c.read(a.Digest)
	return a, body, ok
}

func parseAnswer(text []byte) (answer, bool) {
	var a answer
	err := json.Unmarshal(text, &a)
	return a, err == nil && a.Digest.Algorithm == "sha256" && (a.Status == http.StatusOK || a.Status == http.StatusNotFound)
}

// read returns a small blob if it is there and what its digest says.
func (c *Cache) read(digest v1.Hash) ([]byte, bool) {
	body, err := readFile(c.path(digest), maxAnswerBytes)
	return body, err == nil && digestOf(body) == digest
}

// readFile reads at most a number of bytes of a file.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
