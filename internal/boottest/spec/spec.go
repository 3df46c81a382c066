// Package spec is what the user expects of a booted image: linuxkit.test.yml. All of
// it is optional; Default is what holds without a file.
package spec

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// maxBytes bounds the file. It is written by hand.
const maxBytes = 1 << 20

// Spec is the whole file.
type Spec struct {
	strict.At
	Timeout  time.Duration `yaml:"timeout"` // of the whole test, power-on to power-off; scaled where there is no KVM
	Memory   int           `yaml:"memory"`  // MiB
	CPUs     int           `yaml:"cpus"`
	Formats  []string      `yaml:"formats"` // which to boot; none: all that were built
	Expect   []Expectation `yaml:"expect"`
	Forbid   []Regexp      `yaml:"forbid"` // beside what is always forbidden
	Shutdown Shutdown      `yaml:"shutdown"`
	Budget   Budget        `yaml:"budget"`
	Disks    []Disk        `yaml:"disks"`
	Reboots  unsupported   `yaml:"reboots"`
}

// Expectation is one thing that must happen. One of Service, Onboot, Console, HTTP,
// TCP and Stays is set.
type Expectation struct {
	strict.At
	Service string        `yaml:"service"` // becomes ready
	Onboot  string        `yaml:"onboot"`  // ends with Exit
	Exit    int           `yaml:"exit"`
	Console *Regexp       `yaml:"console"` // appears, after those of the expectations before it
	Send    string        `yaml:"send"`    // typed once Console has appeared
	HTTP    *HTTP         `yaml:"http"`
	TCP     *TCP          `yaml:"tcp"`
	Stays   time.Duration `yaml:"stays"`  // everything is still up this long after the last became ready
	Within  time.Duration `yaml:"within"` // since power-on; scaled as Timeout is
}

// HTTP is a request to the guest and the answer it must give.
type HTTP struct {
	strict.At
	Port   int     `yaml:"port,required"`
	Path   string  `yaml:"path"`   // default /
	Status int     `yaml:"status"` // default 200
	Body   *Regexp `yaml:"body"`   // somewhere in the first MiB
}

// TCP is a port of the guest that must accept a connection.
type TCP struct {
	strict.At
	Port int `yaml:"port,required"`
}

// Budget is what the image may cost.
type Budget struct {
	Ready        time.Duration `yaml:"ready"` // power-on until everything is ready; scaled as Timeout is
	Image        Size          `yaml:"image"` // all files of the format
	Instructions unsupported   `yaml:"instructions"`
}

// Disk is an empty disk that the guest gets.
type Disk struct {
	strict.At
	Size Size `yaml:"size,required"`
}

// Shutdown is how the test ends.
type Shutdown string

// Ways to end the test.
const (
	Graceful Shutdown = "graceful" // press the power button; services stop in time, the guest powers off
	Kill     Shutdown = "kill"     // take the machine away
)

// Default is the spec of a test without a file. Its Shutdown is empty: graceful where
// the image's init can do it.
func Default() Spec {
	return Spec{Timeout: 90 * time.Second, Memory: 1024, CPUs: 1}
}

// Regexp is an expression in Go's syntax (RE2: it needs time linear in its input).
type Regexp struct{ *regexp.Regexp }

// Load reads a spec from a file. Mistakes are a *strict.Error with all of them.
func Load(path string) (Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return Spec{}, fmt.Errorf("boot-test spec: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return Spec{}, fmt.Errorf("boot-test spec: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a spec; file is its name in mistakes. A file of nothing but comments
// is the default.
func Parse(file string, data []byte) (Spec, error) {
	s := Default()
	if len(data) > maxBytes {
		return s, strict.Join([]strict.Problem{{Place: strict.Place{File: file}, Text: fmt.Sprintf("is larger than %d MiB", maxBytes>>20)}})
	}
	if blank(data) {
		return s, nil
	}
	if err := strict.Decode(file, data, &s); err != nil {
		return s, err
	}
	return s, strict.Join(s.check())
}

// blank reports whether data has nothing but comments.
func blank(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
