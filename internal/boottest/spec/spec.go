// Package spec reads linuxkit.test.yml: what the user expects of a booted image.
//
// Every key is optional; Default has the values of an absent file. The decoder is strict:
// an unknown key, a value of another type or an impossible value is a mistake. All
// mistakes of a file are returned together, each with its line and column.
package spec

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/workspace"
)

// maxBytes is the size limit of the file.
const maxBytes = 1 << 20

// Spec is the whole file.
type Spec struct {
	strict.At
	Timeout  time.Duration `yaml:"timeout"` // of the whole test, from power-on to power-off; scaled without KVM
	Memory   int           `yaml:"memory"`  // MiB
	CPUs     int           `yaml:"cpus"`
	Formats  []string      `yaml:"formats"` // formats to boot; none: all that were built
	Expect   []Expectation `yaml:"expect"`
	Forbid   []Regexp      `yaml:"forbid"` // in addition to the built-in kernel faults
	Shutdown Shutdown      `yaml:"shutdown"`
	Budget   Budget        `yaml:"budget"`
	Disks    []Disk        `yaml:"disks"`
	Network  Network       `yaml:"network"` // what the guest can reach
	Reboots  unsupported   `yaml:"reboots"`
}

// Expectation is one condition of a good boot. Exactly one of Service, Onboot, Console,
// HTTP, TCP and Stays is set.
type Expectation struct {
	strict.At
	Service string        `yaml:"service"` // becomes ready
	Onboot  string        `yaml:"onboot"`  // ends with Exit
	Exit    int           `yaml:"exit"`
	Console *Regexp       `yaml:"console"` // appears, after the texts of the console expectations before it
	Send    string        `yaml:"send"`    // text to type once Console has appeared
	HTTP    *HTTP         `yaml:"http"`
	TCP     *TCP          `yaml:"tcp"`
	Stays   time.Duration `yaml:"stays"`  // how long everything must stay up after the last service became ready
	Within  time.Duration `yaml:"within"` // since power-on; scaled as Timeout is
}

// HTTP is a request to the guest and the expected response.
type HTTP struct {
	strict.At
	Port   int     `yaml:"port,required"`
	Path   string  `yaml:"path"`   // default /
	Status int     `yaml:"status"` // default 200
	Body   *Regexp `yaml:"body"`   // matches within the first MiB
}

// TCP is a port of the guest that must accept a connection.
type TCP struct {
	strict.At
	Port int `yaml:"port,required"`
}

// Budget limits what the image may cost.
type Budget struct {
	Ready        time.Duration `yaml:"ready"` // from power-on until everything is ready; scaled as Timeout is
	Image        Size          `yaml:"image"` // sum of all files of the format
	Instructions unsupported   `yaml:"instructions"`
}

// Disk is an empty disk of the guest.
type Disk struct {
	strict.At
	Size Size `yaml:"size,required"`
}

// Shutdown is how the test ends.
type Shutdown string

// Ways to end the test.
const (
	Graceful Shutdown = "graceful" // press the power button: services must stop in time and the guest power off
	Kill     Shutdown = "kill"     // kill the machine
)

// Network is what the guest can reach.
type Network string

// Networks of the guest. Forwarded ports lead into it in both.
const (
	Restricted Network = "restricted" // DHCP of the test only; the default
	Open       Network = "open"       // the host's network and its loopback
)

// Default returns the spec of a test without a file. Its Shutdown is empty: graceful if
// the image's init supports it.
func Default() Spec {
	return Spec{Timeout: 90 * time.Second, Memory: 1024, CPUs: 1}
}

// Regexp is an expression in Go's syntax (RE2: matching takes linear time).
type Regexp struct{ *regexp.Regexp }

// Load reads a spec from a file. Mistakes are returned as one *strict.Error.
func Load(path string) (Spec, error) {
	data, err := workspace.ReadFile(path, maxBytes)
	if err != nil {
		return Spec{}, fmt.Errorf("boot-test spec: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a spec; file is its name in error messages. A file of comments only is the
// default.
func Parse(file string, data []byte) (Spec, error) {
	s := Default()
	if len(data) > maxBytes {
		return s, strict.Join([]strict.Problem{{
			Place: strict.Place{File: file},
			Text:  fmt.Sprintf("larger than %d MiB", maxBytes>>20),
		}})
	}
	if isBlank(data) {
		return s, nil
	}
	if err := strict.Decode(file, data, &s); err != nil {
		return s, err
	}
	return s, strict.Join(s.check())
}

// isBlank reports whether data contains only comments and white space.
func isBlank(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
