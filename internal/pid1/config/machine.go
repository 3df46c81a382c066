package config

import "strings"

// env decodes a mapping of NAME: VALUE, or a list of NAME=VALUE as in a manifest.
func (d *decoder) env(to *[]string) decode {
	return func(n node, at string) {
		var vars []string
		switch n.kind {
		case mapping:
			for i, key := range n.keys {
				vars = d.variable(vars, n.items[i], at, key.text, key.text != "")
			}
		case sequence:
			for _, item := range n.items {
				name, value, found := strings.Cut(item.text, "=")
				item.text = value
				vars = d.variable(vars, item, at, name, found && name != "")
			}
		default:
			d.invalid(n, at, "must be NAME: VALUE lines, or a list of NAME=VALUE")
			return
		}
		*to = vars
	}
}

// variable appends one variable, whose value may be empty.
func (d *decoder) variable(vars []string, value node, at, name string, named bool) []string {
	if !named || strings.Contains(name, "=") || value.kind != scalar && value.kind != null {
		d.invalid(value, at, "must be NAME: VALUE lines, or a list of NAME=VALUE")
		return vars
	}
	if value.kind == null {
		value.text = ""
	}
	return append(vars, name+"="+value.text)
}

// mount decodes one mount. It is dropped if any part of it is invalid.
func (d *decoder) mount(c *Config, n node, at string) {
	var m Mount
	before := len(d.problems)
	d.mapping(n, at+".", []field{
		{"type", d.text(&m.Type)},
		{"source", d.text(&m.Source)},
		{"target", d.path(&m.Target)},
		{"options", d.texts(&m.Options)},
	})
	if len(d.problems) > before {
		return
	}
	if m.Type == "" || m.Target == "" {
		d.invalid(n, at, "must each have a type and a target")
		return
	}
	if m.Source == "" {
		m.Source = m.Type
	}
	c.Mounts = append(c.Mounts, m)
}

func (d *decoder) onboot(to *Onboot, n node, at string) {
	var word string
	if d.choice(&word, "continue", "stop")(n, at); word != "" {
		to.Stop = word == "stop"
	}
}

func (d *decoder) onshutdown(to *Shutdown, n node, at string) {
	var word string
	if d.choice(&word, "before-services", "after-services")(n, at); word != "" {
		to.AfterServices = word == "after-services"
	}
}
