package bundle

import (
	"reflect"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// defaults are the settings in the label of an image.
type defaults struct {
	strict.At
	manifest.Settings
}

// Check finds errors in the label.
func (d *defaults) Check() []strict.Problem { return d.CheckAt(d.At) }

// Effective returns the settings of an entry. Each comes from the manifest, else from the
// label, else, for command, env and cwd, from the image's config.
func Effective(e manifest.Entry, label defaults, image v1.Config) manifest.Settings {
	out := label.Settings
	out.CapabilitiesAdd, out.BindsAdd = nil, nil // not supported in a label
	overlay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(e.Settings), func(key string) bool { return isSet(e, key) })
	if e.Has("runtime") {
		out.Runtime = effectiveRuntime(e.Runtime, label.Runtime)
	}
	if !e.Has("capabilities") {
		out.Capabilities = union(out.Capabilities, e.CapabilitiesAdd)
	}
	if !e.Has("binds") {
		out.Binds = append(slices.Clone(out.Binds), e.BindsAdd...)
	}
	applyImageConfig(&out, e, label, image)
	return out
}

// effectiveRuntime merges field by field, unlike the other settings.
func effectiveRuntime(given, label manifest.Runtime) manifest.Runtime {
	out := label
	overlay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(given), given.Has)
	out.BindNS = label.BindNS
	overlay(reflect.ValueOf(&out.BindNS).Elem(), reflect.ValueOf(given.BindNS), given.BindNS.Has)
	return out
}

// overlay copies the fields whose keys are given.
func overlay(into, from reflect.Value, given func(key string) bool) {
	for _, f := range reflect.VisibleFields(from.Type()) {
		if key := f.Tag.Get("yaml"); key != "" && given(key) {
			into.FieldByIndex(f.Index).Set(from.FieldByIndex(f.Index))
		}
	}
}

// isSet reports whether the manifest sets a key. For text settings an empty text does not
// count, as in LinuxKit.
func isSet(e manifest.Entry, key string) bool {
	texts := map[string]string{
		"net": string(e.Net), "ipc": string(e.IPC), "uts": string(e.UTS), "pid": string(e.PID), "userns": string(e.Userns),
		"cwd": e.Cwd, "hostname": e.Hostname,
	}
	text, isText := texts[key]
	return e.Has(key) && (!isText || text != "")
}

// applyImageConfig fills in command, env and cwd.
func applyImageConfig(out *manifest.Settings, e manifest.Entry, label defaults, image v1.Config) {
	given := func(key string) bool { return isSet(e, key) || label.Has(key) }
	if !given("command") {
		out.Command = append(slices.Clone(image.Entrypoint), image.Cmd...)
	}
	if !given("env") {
		out.Env = variables(image.Env)
	}
	if !given("cwd") {
		out.Cwd = image.WorkingDir
	}
	if out.Cwd == "" {
		out.Cwd = "/"
	}
}

func variables(env []string) []manifest.Variable {
	var out []manifest.Variable
	for _, text := range env {
		out = append(out, manifest.Variable(text))
	}
	return out
}

// union appends the capabilities that the list does not contain.
func union(list, more manifest.Capabilities) manifest.Capabilities {
	out := slices.Clone(list)
	for _, item := range more {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
