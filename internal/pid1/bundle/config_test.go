package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// changedConfig writes a bundle with config, applies change, and returns the config.json that the
// runtime gets.
func changedConfig(t *testing.T, config string, change func(*Config)) (dir string, got map[string]any) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o444); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	to := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second write replaces the first
		if err := c.Write(to); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(to, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "config.json")); err != nil || string(kept) != config {
		t.Errorf("the bundle was changed: %s, %v", kept, err)
	}
	return dir, got
}

func TestConfigKeepsContentAndMakesPathsAbsolute(t *testing.T) {
	t.Parallel()
	dir, got := changedConfig(t, `{"ociVersion": "1.2.1",
"process": {"args": ["/bin/a", "\u0000\"é"], "rlimits": [{"hard": 18446744073709551615}]},
"root": {"path": "rootfs", "readonly": true}, "linux": {"seccomp": null, "resources": {"cpu": {"shares": 1e3}}},
"mounts": [{"destination": "/a", "source": "data", "options": ["rbind", "ro"]},
{"destination": "/b", "source": "/data", "options": ["bind"]},
{"destination": "/proc", "type": "proc", "source": "proc"}]}`, func(*Config) {})
	want := map[string]any{
		"ociVersion": "1.2.1",
		"process": map[string]any{
			"args": []any{"/bin/a", "\x00\"é"}, "rlimits": []any{map[string]any{"hard": 18446744073709551615.0}},
		},
		"root":  map[string]any{"path": dir + "/rootfs", "readonly": true},
		"linux": map[string]any{"seccomp": nil, "resources": map[string]any{"cpu": map[string]any{"shares": 1000.0}}},
		"mounts": []any{
			map[string]any{"destination": "/a", "source": dir + "/data", "options": []any{"rbind", "ro"}},
			map[string]any{"destination": "/b", "source": "/data", "options": []any{"bind"}},
			map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestSetEnv(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ config, want string }{
		"no environment": {`{"process": {}}`, "A=1 B="},
		"other names":    {`{"process": {"env": ["PATH=/bin", "AA=2"]}}`, "PATH=/bin AA=2 A=1 B="},
		"same name":      {`{"process": {"env": ["A=0", "PATH=/bin"]}}`, "PATH=/bin A=1 B="},
		"no process":     {`{}`, "A=1 B="},
	} {
		_, got := changedConfig(t, tt.config, func(c *Config) {
			c.SetEnv("A=1")
			c.SetEnv("B=")
		})
		var env []string
		for _, v := range got["process"].(map[string]any)["env"].([]any) {
			env = append(env, v.(string))
		}
		if strings.Join(env, " ") != tt.want {
			t.Errorf("%s: %q, want %q", name, env, tt.want)
		}
	}
}

func TestBindUsesTmpfs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ mounts, want string }{
		"stock": {
			`[{"destination": "/proc", "type": "proc"}, {"destination": "/dev", "type": "tmpfs", "options": ["ro"]}]`,
			"/dev/notify",
		},
		"host /dev": {
			`[{"destination": "/dev", "source": "/dev", "options": ["rbind"]}, {"destination": "/tmp", "type": "tmpfs"}]`,
			"/tmp/notify",
		},
		"host /dev alone":     {`[{"destination": "/dev", "source": "/dev", "type": "bind", "options": ["rbind"]}]`, "/dev/notify"},
		"host /dev read-only": {`[{"destination": "/dev", "source": "/dev", "type": "bind", "options": ["rbind", "ro"]}]`, "/notify"},
		"host /dev and shm": {
			`[{"destination": "/dev", "source": "/dev", "options": ["rbind"]}, {"destination": "/dev/shm", "type": "tmpfs"}]`,
			"/dev/shm/notify",
		},
		"other tmpfs": {`[{"destination": "/data", "type": "tmpfs"}]`, "/notify"},
		"no mounts":   {`null`, "/notify"},
	} {
		path := ""
		_, got := changedConfig(t, `{"mounts": `+tt.mounts+`}`, func(c *Config) { path = c.Bind("/run/x", "notify") })
		mounts := got["mounts"].([]any)
		want := map[string]any{"destination": tt.want, "type": "bind", "source": "/run/x", "options": []any{"bind"}}
		if path != tt.want || !reflect.DeepEqual(mounts[len(mounts)-1], want) {
			t.Errorf("%s: %s, last of %v", name, path, mounts)
		}
	}
}

func TestBindUsesTheMachinesDirectory(t *testing.T) {
	t.Parallel()
	const mounts = `{"mounts": [{"destination": "/host", "source": "/run", "type": "bind", "options": ["rbind", "ro"]}]}`
	path := ""
	_, got := changedConfig(t, mounts, func(c *Config) { path = c.Bind("/run/linuxkit-init/web.notify", "notify") })
	if path != "/host/linuxkit-init/web.notify" || len(got["mounts"].([]any)) != 1 {
		t.Errorf("%s, %v", path, got)
	}
}

func TestReadConfigErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadConfig(dir); err == nil {
		t.Error("no error without config.json")
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(dir); err == nil || !strings.Contains(err.Error(), dir+"/config.json: invalid JSON at byte 1") {
		t.Errorf("%v", err)
	}
}

func TestManagesDisks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config string
		want   bool
	}{
		"LinuxKit dm-crypt": {
			`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN", "CAP_MKNOD"]}}, "mounts": [{"destination": "/dev", "source": "/dev"}]}`,
			true,
		},
		"host /dev": {
			`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "mounts": [{"destination": "/d", "source": "/dev"}]}`,
			true,
		},
		"one device": {
			`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "linux": {"devices": [{"path": "/dev/sda"}]}}`,
			true,
		},
		"LinuxKit sysctl": {
			`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "mounts": [{"destination": "/dev", "source": "tmpfs"}]}`,
			false,
		},
		"host /dev without CAP_SYS_ADMIN": {
			`{"process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}}, "mounts": [{"source": "/dev"}]}`,
			false,
		},
		"empty": {`{}`, false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tt.config), 0o444); err != nil {
			t.Fatal(err)
		}
		c, err := ReadConfig(dir)
		if err != nil || c.ManagesDisks() != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestContainerWithAWatchdog(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]bool{
		`{}`: false,
		`{"linux": {"devices": [{"path": "/dev/null"}, {"path": "/dev/watchdog0"}]}}`: true,
		`{"mounts": [{"source": "/dev", "destination": "/dev"}]}`:                     false,
		`{"mounts": [{"source": "/dev/watchdog", "destination": "/dev/watchdog"}]}`:   true,
	} {
		changedConfig(t, config, func(c *Config) {
			if got := c.HasDevice("/dev/watchdog"); got != want {
				t.Errorf("%s: %v, want %v", config, got, want)
			}
		})
	}
}
