package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// adjusted writes config.json, applies change, and returns what the runtime gets.
func adjusted(t *testing.T, config string, change func(*Config)) (dir string, got map[string]any) {
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
	for range 2 { // the second run finds the first one's file
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
		t.Errorf("the bundle itself was changed: %s, %v", kept, err)
	}
	return dir, got
}

func TestNothingIsLostAndPathsBecomeAbsolute(t *testing.T) {
	t.Parallel()
	dir, got := adjusted(t, `{"ociVersion": "1.2.1", "process": {"args": ["/bin/a", "\u0000\"é"], "rlimits": [{"hard": 18446744073709551615}]},
"root": {"path": "rootfs", "readonly": true}, "linux": {"seccomp": null, "resources": {"cpu": {"shares": 1e3}}},
"mounts": [{"destination": "/a", "source": "data", "options": ["rbind", "ro"]}, {"destination": "/b", "source": "/data", "options": ["bind"]},
{"destination": "/proc", "type": "proc", "source": "proc"}]}`, func(*Config) {})
	want := map[string]any{
		"ociVersion": "1.2.1",
		"process":    map[string]any{"args": []any{"/bin/a", "\x00\"é"}, "rlimits": []any{map[string]any{"hard": 18446744073709551615.0}}},
		"root":       map[string]any{"path": dir + "/rootfs", "readonly": true},
		"linux":      map[string]any{"seccomp": nil, "resources": map[string]any{"cpu": map[string]any{"shares": 1000.0}}},
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
		"none before":       {`{"process": {}}`, "A=1 B="},
		"others stay":       {`{"process": {"env": ["PATH=/bin", "AA=2"]}}`, "PATH=/bin AA=2 A=1 B="},
		"same name":         {`{"process": {"env": ["A=0", "PATH=/bin"]}}`, "PATH=/bin A=1 B="},
		"no process at all": {`{}`, "A=1 B="},
	} {
		_, got := adjusted(t, tt.config, func(c *Config) {
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

func TestBindFindsAPlaceThatCanBeWritten(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ mounts, want string }{
		"stock":              {`[{"destination": "/proc", "type": "proc"}, {"destination": "/dev", "type": "tmpfs", "options": ["ro"]}]`, "/dev/notify"},
		"the machine's /dev": {`[{"destination": "/dev", "source": "/dev", "options": ["rbind"]}, {"destination": "/tmp", "type": "tmpfs"}]`, "/tmp/notify"},
		"some other tmpfs":   {`[{"destination": "/data", "type": "tmpfs"}]`, "/notify"},
		"no mounts":          {`null`, "/notify"},
	} {
		path := ""
		_, got := adjusted(t, `{"mounts": `+tt.mounts+`}`, func(c *Config) { path = c.Bind("/run/x", "notify") })
		mounts := got["mounts"].([]any)
		want := map[string]any{"destination": tt.want, "type": "bind", "source": "/run/x", "options": []any{"bind"}}
		if path != tt.want || !reflect.DeepEqual(mounts[len(mounts)-1], want) {
			t.Errorf("%s: %s, last of %v", name, path, mounts)
		}
	}
}

func TestAConfigThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadConfig(dir); err == nil {
		t.Error("a bundle without config.json")
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(dir); err == nil || !strings.Contains(err.Error(), dir+"/config.json: not JSON at byte 1") {
		t.Errorf("%v", err)
	}
}

func TestWhoMayManageDisks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config string
		want   bool
	}{
		"as LinuxKit's dm-crypt":   {`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN", "CAP_MKNOD"]}}, "mounts": [{"destination": "/dev", "source": "/dev"}]}`, true},
		"with the machine's /dev":  {`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "mounts": [{"destination": "/d", "source": "/dev"}]}`, true},
		"with one device":          {`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "linux": {"devices": [{"path": "/dev/sda"}]}}`, true},
		"as LinuxKit's sysctl":     {`{"process": {"capabilities": {"effective": ["CAP_SYS_ADMIN"]}}, "mounts": [{"destination": "/dev", "source": "tmpfs"}]}`, false},
		"a /dev without the right": {`{"process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN"]}}, "mounts": [{"source": "/dev"}]}`, false},
		"nothing":                  {`{}`, false},
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
