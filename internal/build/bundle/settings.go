package bundle

import (
	"reflect"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// defaults are the settings of an image's label.
type defaults struct {
	strict.At
	manifest.Settings
}

// Check finds mistakes in the label.
func (d *defaults) Check() []strict.Problem { return d.CheckAt(d.At) }

// Effective returns the settings of an entry: each as the manifest gives it, or
// else the image's label, or else, for what an image has of itself, the image.
func Effective(e manifest.Entry, label defaults, image v1.Config) manifest.Settings {
	out := label.Settings
	out.CapabilitiesAdd, out.BindsAdd = nil, nil // in a label they mean nothing
	overlay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(e.Settings), func(key string) bool { return says(e, key) })
	if e.Has("runtime") {
		out.Runtime = effectiveRuntime(e.Runtime, label.Runtime)
	}
	if !e.Has("capabilities") {
		out.Capabilities = union(out.Capabilities, e.CapabilitiesAdd)
	}
	if !e.Has("binds") {
		out.Binds = append(slices.Clone(out.Binds), e.BindsAdd...)
	}
	fromImage(&out, e, label, image)
	return out
}

// effectiveRuntime joins field by field, unlike all the rest of an entry.
func effectiveRuntime(given, label manifest.Runtime) manifest.Runtime {
	out := label
	overlay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(given), given.Has)
	out.BindNS = label.BindNS
	overlay(reflect.ValueOf(&out.BindNS).Elem(), reflect.ValueOf(given.BindNS), given.BindNS.Has)
	return out
}

// overlay copies the fields whose keys were given.
func overlay(into, from reflect.Value, given func(key string) bool) {
	for _, f := range reflect.VisibleFields(from.Type()) {
		if key := f.Tag.Get("yaml"); key != "" && given(key) {
			into.FieldByIndex(f.Index).Set(from.FieldByIndex(f.Index))
		}
	}
}

// says reports whether the manifest says something of a setting. An empty text says
// nothing of these, as in LinuxKit.
func says(e manifest.Entry, key string) bool {
	texts := map[string]string{
		"net": string(e.Net), "ipc": string(e.IPC), "uts": string(e.UTS), "pid": string(e.PID), "userns": string(e.Userns),
		"cwd": e.Cwd, "hostname": e.Hostname,
	}
	text, isText := texts[key]
	return e.Has(key) && (!isText || text != "")
}

func fromImage(out *manifest.Settings, e manifest.Entry, label defaults, image v1.Config) {
	given := func(key string) bool { return says(e, key) || label.Has(key) }
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

// union appends what is not there yet.
func union(list, more manifest.Capabilities) manifest.Capabilities {
	out := slices.Clone(list)
	for _, item := range more {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
