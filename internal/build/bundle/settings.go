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

// Effective returns the settings of an entry: each as the manifest gives it, or
// else the image's label, or else, for what an image has of itself, the image.
func Effective(e manifest.Entry, label defaults, image v1.Config) manifest.Settings {
	out := label.Settings
	out.CapabilitiesAdd, out.BindsAdd = nil, nil // in a label they mean nothing
	overlay(reflect.ValueOf(&out).Elem(), reflect.ValueOf(e.Settings), e.At)
	if e.Has("runtime") {
		out.Runtime = label.Runtime
		overlay(reflect.ValueOf(&out.Runtime).Elem(), reflect.ValueOf(e.Runtime), e.Runtime.At)
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

// overlay copies the fields whose keys were given.
func overlay(into, from reflect.Value, given strict.At) {
	for _, f := range reflect.VisibleFields(from.Type()) {
		if given.Has(f.Tag.Get("yaml")) {
			into.FieldByIndex(f.Index).Set(from.FieldByIndex(f.Index))
		}
	}
}

func fromImage(out *manifest.Settings, e manifest.Entry, label defaults, image v1.Config) {
	given := func(key string) bool { return e.Has(key) || label.Has(key) }
	if !given("command") {
		out.Command = append(slices.Clone(image.Entrypoint), image.Cmd...)
	}
	if !given("env") {
		out.Env = image.Env
	}
	if !given("cwd") {
		out.Cwd = image.WorkingDir
	}
	if out.Cwd == "" {
		out.Cwd = "/"
	}
}

// union appends what is not there yet.
func union(list, more []string) []string {
	out := slices.Clone(list)
	for _, item := range more {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
