package bundle

import (
	"reflect"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// Sources of a setting.
const (
	fromManifest = "manifest"
	fromLabel    = "label"
	fromImage    = "image"
	fromDefault  = "default"
	fromBoth     = "label + manifest"
)

// Setting is one effective setting of an entry.
type Setting struct {
	Key   string
	Value string // as YAML, on one line
	From  string // manifest, label, image, default, or label + manifest
}

// defaultValues are the defaults that are shown. Other settings have none.
var defaultValues = map[string]string{
	"net": "host", "ipc": "host", "uts": "host", "pid": "new", "userns": "host", "cwd": "/",
	"readonly": "false", "noNewPrivileges": "false", "uid": "0", "gid": "0", "runtime.namespace": "services.linuxkit",
}

// unset is shown for a setting without a value.
const unset = "-"

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
			continue // already merged into capabilities and binds
		case "runtime":
			list = append(list, explainRuntime(settings.Runtime, e.Runtime, label.Runtime)...)
			continue
		}
		list = append(list, Setting{Key: key, Value: formatValue(key, value), From: source(e, label, image, key)})
	}
	return list, nil
}

func source(e manifest.Entry, label defaults, image v1.Config, key string) string {
	inImage := map[string]bool{
		"command": len(image.Entrypoint)+len(image.Cmd) > 0, "env": len(image.Env) > 0,
		"cwd": image.WorkingDir != "",
	}
	switch {
	case isSet(e, key):
		return fromManifest
	case e.Has(key+".add") && label.Has(key):
		return fromBoth
	case e.Has(key + ".add"):
		return fromManifest
	case label.Has(key):
		return fromLabel
	case inImage[key]:
		return fromImage
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
		list = append(list, Setting{Key: "runtime." + key, Value: formatValue("runtime."+key, value), From: from})
	}
	return list
}

// fields iterates over the fields of a struct with their keys, in order.
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

// formatValue returns a value as YAML on one line.
func formatValue(key string, value reflect.Value) string {
	if value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0 {
		if value, ok := defaultValues[key]; ok {
			return value
		}
		return unset
	}
	node := strict.Encode(value.Interface())
	setFlowStyle(node)
	text, err := yaml.Marshal(node)
	if err != nil {
		return unset
	}
	return strings.TrimSpace(string(text))
}

// setFlowStyle makes YAML encode a value on one line.
func setFlowStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		setFlowStyle(child)
	}
}
