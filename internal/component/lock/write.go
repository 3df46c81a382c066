package lock

import (
	"bytes"
	"fmt"

	"github.com/org/linuxkit-action/internal/atomicfile"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// header tells who opens the file what it is.
const header = "Which image each reference means. Written by `linuxkit-action lock`; keep it with the manifest."

// YAML returns the text of the file: the same for the same images.
func (l *Lock) YAML() ([]byte, error) {
	node := strict.Encode(l)
	node.HeadComment = header
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if _, err := Parse(DefaultFile, out.Bytes()); err != nil { // a registry may name a platform that is none
		return nil, fmt.Errorf("lock: %w", err)
	}
	return out.Bytes(), nil
}

// Write puts the lock into a file, whole or not at all.
func (l *Lock) Write(path string) error {
	text, err := l.YAML()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
