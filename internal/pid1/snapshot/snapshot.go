// Package snapshot is the state of a machine as PID 1 sends it to linuxkit-init, the operator's
// command: one line for each item, in the syntax of records (package record) without prefix,
// number and CRC.
//
//	machine phase=ready version=v1.2.3 kernel=6.12.1 now=61000 origin=0
//	onboot name=dhcpcd result=0
//	service name=web state=ready pid=412 restarts=0 since=2100
//
// PID 1 sends data, and the command formats it, so that PID 1 stays small. Readers ignore unknown
// lines and keys.
package snapshot

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// ErrSyntax is returned for a text that is not a snapshot.
var ErrSyntax = errors.New("PID 1 answered in an unknown format; linuxkit-init and /init must be of one version")

// Machine is the answer to status. Times are those of console.Uptime.
type Machine struct {
	Phase    string
	Version  string // of PID 1
	Kernel   string
	Now      time.Duration
	Origin   time.Duration // start of the kernel, or of the container
	Onboot   []Onboot
	Services []Service
}

// Onboot is an onboot container. Result is that of the state record.
type Onboot struct{ Name, Result string }

// Service is a service.
type Service struct {
	Name     string
	State    string
	Pid      int // 0 without a process
	Restarts int
	Since    time.Duration // when it entered the state
	Last     string        // outcome of the previous run, or ""
	Why      string        // why it waits, is not ready or has failed, or ""
	NeededBy []string      // services that require it
	Memory   int64         // in bytes
	Limit    int64         // of the memory, in bytes; 0 without one
	OOMKills int           // processes that were killed for lack of memory
}

// Lines of a machine, and their keys that records do not have.
const (
	lineMachine = "machine"
	lineOnboot  = "onboot"
	lineService = "service"
	keyNow      = "now"
	keyOrigin   = "origin"
	keyResult   = "result"
	keyState    = "state"
	keySince    = "since"
	keyLast     = "last"
	keyWhy      = "why"
	keyNeededBy = "neededBy"
	keyMemory   = "memory"
	keyLimit    = "limit"
)

// Text formats the machine.
func (m Machine) Text() string {
	var text builder
	text.line(lineMachine, record.KeyPhase, m.Phase, record.KeyVersion, m.Version, record.KeyKernel, m.Kernel,
		keyNow, milliseconds(m.Now), keyOrigin, milliseconds(m.Origin))
	for _, o := range m.Onboot {
		text.line(lineOnboot, record.KeyName, o.Name, keyResult, o.Result)
	}
	for _, s := range m.Services {
		text.line(lineService, record.KeyName, s.Name, keyState, s.State, record.KeyPid, strconv.Itoa(s.Pid),
			record.KeyRestarts, strconv.Itoa(s.Restarts), keySince, milliseconds(s.Since), keyLast, s.Last, keyWhy, s.Why,
			keyNeededBy, strings.Join(s.NeededBy, " "), keyMemory, strconv.FormatInt(s.Memory, 10),
			keyLimit, strconv.FormatInt(s.Limit, 10), record.KeyOOM, strconv.Itoa(s.OOMKills))
	}
	return string(text)
}

// ParseMachine parses the answer to status.
func ParseMachine(text string) (Machine, error) {
	var m Machine
	found := false
	err := each(text, func(kind string, r record.Record) {
		switch kind {
		case lineMachine:
			found = true
			m.Phase, m.Version, m.Kernel = r.Get(record.KeyPhase), r.Get(record.KeyVersion), r.Get(record.KeyKernel)
			m.Now, m.Origin = duration(r, keyNow), duration(r, keyOrigin)
		case lineOnboot:
			m.Onboot = append(m.Onboot, Onboot{Name: r.Get(record.KeyName), Result: r.Get(keyResult)})
		case lineService:
			m.Services = append(m.Services, Service{
				Name: r.Get(record.KeyName), State: r.Get(keyState), Pid: number(r, record.KeyPid),
				Restarts: number(r, record.KeyRestarts), Since: duration(r, keySince), Last: r.Get(keyLast),
				Why: r.Get(keyWhy), NeededBy: strings.Fields(r.Get(keyNeededBy)), Memory: int64(number(r, keyMemory)),
				Limit: int64(number(r, keyLimit)), OOMKills: number(r, record.KeyOOM),
			})
		}
	})
	if err == nil && !found {
		err = ErrSyntax
	}
	return m, err
}

// builder collects lines.
type builder string

// line adds a line with pairs of keys and values. Empty values are left out.
func (b *builder) line(kind string, pairs ...string) {
	r := record.Record{Event: kind}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			r.Fields = append(r.Fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
		}
	}
	*b += builder(r.Text() + "\n")
}

// each calls fn for every line of a snapshot.
func each(text string, fn func(kind string, r record.Record)) error {
	for line := range strings.Lines(text) {
		r, ok := record.ParseText(strings.TrimSuffix(line, "\n"))
		if !ok {
			return ErrSyntax
		}
		fn(r.Event, r)
	}
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// number returns a decimal value, or 0.
func number(r record.Record, key string) int {
	n, _ := strconv.Atoi(r.Get(key)) // an absent value is 0
	return n
}

func duration(r record.Record, key string) time.Duration {
	return time.Duration(number(r, key)) * time.Millisecond
}
