package manifest_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/manifest"
)

// schemaFile is the schema for editors, generated from the Go types and their comments by
// UPDATE=1 go test ./internal/manifest.
const schemaFile = "schema.json"

type object = map[string]any

func text(pattern string) object { return object{"type": "string", "pattern": pattern} }

func words(list ...string) object { return object{"enum": list} }

// customSchemas are the schemas of types with their own notation.
var customSchemas = map[reflect.Type]object{
	reflect.TypeFor[manifest.Bind]():         text(`^[^:]+:/[^:]*(:[^:]*)?$`),
	reflect.TypeFor[manifest.Tmpfs]():        text(`^/[^:]*(:[^:]*)?$`),
	reflect.TypeFor[manifest.Rlimit]():       text(`^[^,]+,[^,]+,[^,]+$`),
	reflect.TypeFor[manifest.Text]():         {"type": "string"},
	reflect.TypeFor[manifest.Octal]():        text(`^[0-7]{0,4}$`),
	reflect.TypeFor[manifest.Variable]():     text(`^[^=]+=`),
	reflect.TypeFor[manifest.Image]():        {"type": "string", "minLength": 1},
	reflect.TypeFor[manifest.Package]():      text(manifest.InitPackage),
	reflect.TypeFor[manifest.Namespace]():    {"anyOf": []any{words("host", "root", "new", ""), text("^/")}},
	reflect.TypeFor[manifest.NetNamespace](): {"anyOf": []any{words("host", "root", "new", "none", ""), text("^/")}},
	reflect.TypeFor[manifest.Propagation]():  words(append([]string{""}, manifest.Propagations...)...),
	reflect.TypeFor[manifest.ID]():           {"type": []string{"integer", "string"}},
	reflect.TypeFor[manifest.Capabilities](): {
		"type":  "array",
		"items": object{"anyOf": []any{words(manifest.AllCapabilities...), text(`^([Aa][Ll][Ll]|[Nn][Oo][Nn][Ee])$`)}},
	},
	reflect.TypeFor[manifest.Init](): {"anyOf": []any{
		object{"type": "string", "minLength": 1},
		object{"type": "object", "additionalProperties": false, "required": []string{"image"}, "properties": object{
			"image":   object{"type": "string", "description": "reference of the image"},
			"command": object{"type": "array", "items": object{"type": "string"}, "description": "/init and its arguments"},
			"env":     object{"type": "array", "items": text(`^[^=]+=`), "description": "variables of PID 1"},
		}},
	}},
}

// enums are the values of fields that have a fixed set of them.
var enums = map[string][]string{
	"Output.Format": build.ManifestFormats(),
	"Volume.Format": {manifest.VolumeFilesystem, manifest.VolumeOCI},
	"File.Metadata": {manifest.MetadataYAML, manifest.MetadataJSON},
	"Device.Type":   {"a", "b", "c", "u", "p"},
}

// generator generates a schema, with one definition for each struct.
type generator struct {
	comments    map[string]string
	definitions object
}

func (s generator) schema(t reflect.Type) object {
	if custom, ok := customSchemas[t]; ok {
		return custom
	}
	if t == reflect.TypeFor[manifest.Resources]() {
		return s.schema(reflect.TypeOf(manifest.Resources{}.OCI))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Slice:
		return object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Struct:
		if _, made := s.definitions[t.Name()]; !made {
			s.definitions[t.Name()] = s.structure(t)
		}
		return object{"$ref": "#/definitions/" + t.Name()}
	}
	return object{"type": "integer"}
}

func (s generator) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag, own := f.Tag.Lookup("yaml")
		if !own {
			tag = f.Tag.Get("json")
		}
		name, option, _ := strings.Cut(tag, ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		property := maps.Clone(s.schema(f.Type))
		if _, refers := property["$ref"]; refers {
			property = object{"allOf": []any{property}} // draft 7 ignores keys beside $ref
		}
		fullName := s.fieldName(t, f)
		if list, ok := enums[fullName]; ok {
			property = words(list...)
		}
		if comment := s.comments[fullName]; comment != "" {
			property["description"] = comment
		}
		properties[name] = property
		if name == "blockIO" {
			properties["blockio"] = property // the spelling in LinuxKit
		}
		if option == "required" {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// fieldName returns Struct.Field, with the struct that declares the field.
func (s generator) fieldName(t reflect.Type, f reflect.StructField) string {
	if len(f.Index) > 1 {
		t = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type
	}
	return t.Name() + "." + f.Name
}

// fieldComments returns the line comments of the struct fields of package manifest.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range structure.Fields.List {
				for _, id := range field.Names {
					comments[spec.Name.Name+"."+id.Name] = strings.TrimSpace(field.Comment.Text())
				}
			}
			return true
		})
	}
	return comments
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	g := generator{comments: fieldComments(t), definitions: object{}}
	root := g.structure(reflect.TypeFor[manifest.Manifest]())
	root["definitions"] = g.definitions
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "LinuxKit manifest, as linuxkit-action reads it"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSchemaIsUpToDate(t *testing.T) {
	t.Parallel()
	want := generateSchema(t)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs from the Go types (%v); run UPDATE=1 go test ./internal/manifest", schemaFile, err)
	}
}

func TestEveryFieldHasADescription(t *testing.T) {
	t.Parallel()
	comments := fieldComments(t)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[manifest.Manifest](), reflect.TypeFor[manifest.Kernel](), reflect.TypeFor[manifest.Entry](),
		reflect.TypeFor[manifest.Settings](), reflect.TypeFor[manifest.Mount](), reflect.TypeFor[manifest.Device](),
		reflect.TypeFor[manifest.IDMapping](), reflect.TypeFor[manifest.Runtime](), reflect.TypeFor[manifest.Namespaces](),
		reflect.TypeFor[manifest.Interface](), reflect.TypeFor[manifest.File](), reflect.TypeFor[manifest.Volume](),
		reflect.TypeFor[manifest.Trust](), reflect.TypeFor[manifest.Output](),
	} {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if tag := f.Tag.Get("yaml"); tag != "" && tag != "-" && comments[typ.Name()+"."+f.Name] == "" {
				t.Errorf("%s.%s has no comment; editors show it", typ.Name(), f.Name)
			}
		}
	}
}
