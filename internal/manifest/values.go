package manifest

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// ParseBind reads source:destination[:options]. Without options a bind is
// rw,rbind,rshared, as in LinuxKit; with them, rbind is added.
func ParseBind(text string) (specs.Mount, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return specs.Mount{}, fmt.Errorf("bind %q must be source:destination or source:destination:options", text)
	}
	options := []string{"rw", "rbind", "rshared"}
	if len(parts) == 3 {
		options = append(strings.Split(parts[2], ","), "rbind")
	}
	return specs.Mount{Destination: parts[1], Type: "bind", Source: parts[0], Options: options}, nil
}

// ParseTmpfs reads destination[:options].
func ParseTmpfs(text string) (specs.Mount, error) {
	destination, options, given := strings.Cut(text, ":")
	if destination == "" || strings.Contains(options, ":") {
		return specs.Mount{}, fmt.Errorf("tmpfs %q must be destination or destination:options", text)
	}
	m := specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs"}
	if given {
		m.Options = strings.Split(options, ",")
	}
	return m, nil
}

// knownMounts are the file systems of which LinuxKit knows the rest from the type.
var knownMounts = map[string]string{
	"proc": "/proc", "devpts": "/dev/pts", "sysfs": "/sys", "cgroup": "/sys/fs/cgroup", "mqueue": "/dev/mqueue",
}

// Complete fills in what LinuxKit infers: the type from the source, the source
// from the type, the destination from the type.
func (m Mount) Complete() (specs.Mount, error) {
	if _, known := knownMounts[m.Source]; known && m.Type == "" {
		m.Type = m.Source
	}
	if m.Destination == "/dev" && m.Type == "" {
		m.Type = "tmpfs"
	}
	if m.Type == "" {
		return specs.Mount{}, fmt.Errorf("the mount for %q has no type", m.Destination)
	}
	if m.Destination == "" {
		m.Destination = knownMounts[m.Type]
	}
	if m.Destination == "" {
		return specs.Mount{}, fmt.Errorf("the mount of type %q has no destination", m.Type)
	}
	if m.Source == "" {
		m.Source = m.Type
	}
	return specs.Mount{Destination: m.Destination, Type: m.Type, Source: m.Source, Options: m.Options}, nil
}

// FileMode returns the permission bits of a device node.
func (d Device) FileMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(d.Mode, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("device %s: mode %q must be octal, such as \"0666\"", d.Path, d.Mode)
	}
	return fs.FileMode(mode), nil
}

var rlimitNames = []string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

// ParseRlimit reads name,soft,hard; a limit may be "unlimited".
func ParseRlimit(text string) (specs.POSIXRlimit, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q must be name,soft,hard, such as nofile,1024,4096", text)
	}
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(parts[0])), "RLIMIT_")
	if !slices.Contains(rlimitNames, name) {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: there is no limit %q%s", text, parts[0], meant(name, rlimitNames))
	}
	soft, err := parseLimit(parts[1])
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: %w", text, err)
	}
	hard, err := parseLimit(parts[2])
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: %w", text, err)
	}
	return specs.POSIXRlimit{Type: "RLIMIT_" + name, Soft: soft, Hard: hard}, nil
}

func parseLimit(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if text == "unlimited" {
		return 1<<64 - 1, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q must be a number or unlimited", text)
	}
	return n, nil
}

// meant ends a sentence about an unknown word.
func meant(word string, words []string) string {
	if near := strict.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}
