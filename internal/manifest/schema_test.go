package manifest

import (
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// schemaFile is what schemagen_test.go writes.
const schemaFile = "schema.json"

// The schema accepts and rejects the same manifests as Load, for rules that a schema can
// express.
func TestSchemaAgreesWithLoad(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	for name, tt := range map[string]struct {
		in    string
		valid bool
	}{
		"small":               {small, true},
		"everything":          {everything, true},
		"empty mapping":       {"kernel: {}", true},
		"LinuxKit's blockio":  {serviceWith("resources: {blockio: {weight: 3}}"), true},
		"unknown key":         {"kernle: {}", false},
		"unknown field":       {serviceWith("capabilties: []"), false},
		"no image":            {"services: [{name: a}]", false},
		"capability":          {serviceWith("capabilities: [NET_ADMIN]"), false},
		"bind":                {serviceWith("binds: [/a]"), false},
		"mode as a number":    {"files: [{path: a, contents: b, mode: 0644}]", false},
		"volume's format":     {"volumes: [{name: a, format: tar}]", false},
		"init as a mapping":   {"init: [{image: a, command: [/init]}]", true},
		"init with a typo":    {"init: [{imgae: a}]", false},
		"net":                 {serviceWith("net: hots"), false},
		"resources with typo": {serviceWith("resources: {memory: {limmit: 1}}"), false},
	} {
		var value any
		if err := yaml.Unmarshal([]byte(tt.in), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != tt.valid {
			t.Errorf("%s: schema: %v", name, err)
		}
		if _, err := load(t, tt.in); (err == nil) != tt.valid {
			t.Errorf("%s: Load: %v", name, err)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	value, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schemaFile, value); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
