package bundle

import (
	"reflect"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// Where a setting comes from.
const (
	fromManifest = "manifest"
	fromLabel    = "label"
	fromItself   = "image"
	fromDefault  = "default"
	fromBoth     = "label + manifest"
)

// Setting is one field of an entry as it is in effect.
type Setting struct {
	Key   string
	Value string // as YAML, on one line
	From  string // manifest, label, image, default, or label + manifest
}

// defaultValues are what holds where nobody says anything. What is not here is then not there.
var defaultValues = map[string]string{
	"net": "host", "ipc": "host", "uts": "host", "pid": "new", "userns": "host", "cwd": "/",
	"readonly": "false", "noNewPrivileges": "false", "uid": "0", "gid": "0", "runtime.namespace": "services.linuxkit",
}

const nothing = "-"

// Explain returns every setting of an entry whose image has this config.
func Explain(e manifest.Entry, image v1.Config) ([]Setting, error) {
	label, err := readLabel(e, image)
	if err != nil {
		return nil, err
	}
	settings := Effective(e, label, image)
	var list []Setting
	for key, value := range fields(settings) {
		switch key {
		case "capabilities.add", "binds.add":
			continue // they have gone into the lists themselves
		case "runtime":
			list = append(list, explainRuntime(settings.Runtime, e.Runtime, label.Runtime)...)
			continue
		}
		list = append(list, Setting{Key: key, Value: show(key, value), From: source(e, label, image, key)})
	}
	return list, nil
}

func source(e manifest.Entry, label defaults, image v1.Config, key string) string {
	ofImage := map[string]bool{
		"command": len(image.Entrypoint)+len(image.Cmd) > 0, "env": len(image.Env) > 0,
		"cwd": image.WorkingDir != "",
	}
	switch {
	case says(e, key):
		return fromManifest
	case e.Has(key+".add") && label.Has(key):
		return fromBoth
	case e.Has(key + ".add"):
		return fromManifest
	case label.Has(key):
		return fromLabel
	case ofImage[key]:
		return fromItself
	}
	return fromDefault
}

func explainRuntime(effective, given, label manifest.Runtime) []Setting {
	var list []Setting
	for key, value := range fields(effective) {
		from := fromDefault
		switch {
		case given.Has(key):
			from = fromManifest
		case label.Has(key):
			from = fromLabel
		}
		list = append(list, Setting{Key: "runtime." + key, Value: show("runtime."+key, value), From: from})
	}
	return list
}

// fields calls yield for every field with its key, in order.
func fields(of any) func(yield func(key string, value reflect.Value) bool) {
	v := reflect.ValueOf(of)
	return func(yield func(string, reflect.Value) bool) {
		for _, f := range reflect.VisibleFields(v.Type()) {
			if key := f.Tag.Get("yaml"); key != "" && !yield(key, v.FieldByIndex(f.Index)) {
				return
			}
		}
	}
}

// show writes a value on one line.
func show(key string, value reflect.Value) string {
	if value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0 {
		if usual, ok := defaultValues[key]; ok {
			return usual
		}
		return nothing
	}
	node := strict.Encode(value.Interface())
	flow(node)
	text, err := yaml.Marshal(node)
	if err != nil {
		return nothing
	}
	return strings.TrimSpace(string(text))
}

// flow makes YAML write a value on one line.
func flow(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		flow(child)
	}
}
