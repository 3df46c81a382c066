package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/json"
)

// Config is a copy of the config.json of a bundle, changed for one run and written to another
// directory. The bundle itself stays unchanged: its file system may be read-only, and signed
// content must not be written.
type Config struct{ root json.Value }

// ReadConfig reads the config.json of the bundle in dir, and makes paths that are relative to the
// bundle absolute.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	text, err := file.Read(path, json.MaxBytes)
	if err != nil {
		return nil, err
	}
	v, err := json.Parse(text)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	c := &Config{v}
	rootfs := v.Get("root")
	c.root = v.With("root", rootfs.With("path", absolute(dir, rootfs.Get("path"))))
	c.setMounts(dir)
	return c, nil
}

func absolute(dir string, path json.Value) json.Value {
	if filepath.IsAbs(path.Text()) {
		return path
	}
	return json.NewString(filepath.Join(dir, path.Text()))
}

func (c *Config) setMounts(dir string) {
	var mounts []json.Value
	for _, m := range c.root.Get("mounts").List() {
		options := m.Get("options").Texts()
		if slices.Contains(options, "bind") || slices.Contains(options, "rbind") {
			m = m.With("source", absolute(dir, m.Get("source")))
		}
		mounts = append(mounts, m)
	}
	c.root = c.root.With("mounts", json.NewArray(mounts...))
}

// SetEnv sets NAME=VALUE in the environment of the container's process, and replaces an existing
// value.
func (c *Config) SetEnv(variable string) {
	process := c.root.Get("process")
	name, _, _ := strings.Cut(variable, "=")
	env := slices.DeleteFunc(process.Get("env").Texts(), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	var list []json.Value
	for _, v := range append(env, variable) {
		list = append(list, json.NewString(v))
	}
	c.root = c.root.With("process", process.With("env", json.NewArray(list...)))
}

// Bind makes the file source available in the container, and returns its path there: that in a
// directory of the machine which the container binds, or else of a bind mount under name.
func (c *Config) Bind(source, name string) (path string) {
	mounts := c.root.Get("mounts").List()
	for _, m := range mounts {
		rest, inside := strings.CutPrefix(source, m.Get("source").Text()+"/")
		if inside && slices.Contains(m.Get("options").Texts(), "rbind") {
			return filepath.Join(m.Get("destination").Text(), rest)
		}
	}
	path = filepath.Join(placeForBind(mounts), name)
	bind := json.NewObject().With("destination", json.NewString(path)).With("type", json.NewString("bind")).
		With("source", json.NewString(source)).With("options", json.NewArray(json.NewString("bind")))
	c.root = c.root.With("mounts", json.NewArray(append(slices.Clone(mounts), bind)...))
	return path
}

// placeForBind returns a directory of the container in which a mount point can be made, although the
// root may be read-only: a tmpfs (every LinuxKit container has one on /dev, unless it binds the
// machine's), or a directory of the machine. The last choice is the root.
func placeForBind(mounts []json.Value) string {
	usual := []string{"/run", "/dev", "/tmp", "/dev/shm"}
	for _, isPlace := range []func(json.Value, string) bool{
		func(m json.Value, to string) bool {
			return m.Get("type").Text() == "tmpfs" && slices.Contains(usual, to)
		},
		func(m json.Value, to string) bool {
			return slices.Contains(usual, to) && m.Get("source").Text() == to && !slices.Contains(m.Get("options").Texts(), "ro")
		},
	} {
		for _, m := range mounts {
			if to := m.Get("destination").Text(); isPlace(m, to) {
				return to
			}
		}
	}
	return "/"
}

// ManagesDisks reports whether the container may set up disks, such as encrypted ones: it has
// CAP_SYS_ADMIN, and has device nodes or may make them.
func (c *Config) ManagesDisks() bool {
	may := c.root.Get("process").Get("capabilities").Get("effective").Texts()
	if !slices.Contains(may, "CAP_SYS_ADMIN") {
		return false
	}
	return slices.Contains(may, "CAP_MKNOD") || len(c.root.Get("linux").Get("devices").List()) > 0 ||
		slices.ContainsFunc(c.root.Get("mounts").List(), func(m json.Value) bool { return m.Get("source").Text() == "/dev" })
}

// HasDevice reports whether the container is given a device whose path begins with prefix.
func (c *Config) HasDevice(prefix string) bool {
	return slices.ContainsFunc(c.root.Get("linux").Get("devices").List(), func(d json.Value) bool {
		return strings.HasPrefix(d.Get("path").Text(), prefix)
	}) || slices.ContainsFunc(c.root.Get("mounts").List(), func(m json.Value) bool {
		return strings.HasPrefix(m.Get("source").Text(), prefix)
	})
}

// Text returns the changed config.json.
func (c *Config) Text() string { return string(c.root.Append(nil)) }

// Write makes the directory dir and writes the changed config.json into it.
func (c *Config) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), c.root.Append(nil), 0o600)
}
