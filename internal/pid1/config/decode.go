package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads a file. What cannot be understood has its default in the result and
// a Problem each; a text that is not in the subset of YAML has all defaults.
func Parse(text []byte) (Config, []Problem) {
	c := Default()
	n, err := parse(text)
	if p, failed := err.(Problem); failed {
		p.Text = "not read: " + p.Text
		return c, []Problem{p}
	}
	r := &reader{}
	r.mapping(n, "", []field{
		{"log", r.inside([]field{{"level", r.choice(&c.LogLevel, "debug", "info", "warn", "error")}})},
		{"env", r.env(&c.Env)},
		{"mounts", r.each(func(n node, at string) { r.mount(&c, n, at) })},
		{"onboot", r.inside([]field{
			{"onFailure", func(n node, at string) { r.onboot(&c.Onboot, n, at) }},
			{"timeout", r.duration(&c.Onboot.Timeout)},
		})},
		{"services", r.each(func(n node, at string) { r.service(&c, n, at) })},
		{"shutdown", r.inside([]field{{"timeout", r.duration(&c.Shutdown)}})},
		{"watchdog", r.inside([]field{
			{"device", r.path(&c.Watchdog.Device)},
			{"interval", r.duration(&c.Watchdog.Interval)},
		})},
	})
	return c, r.problems
}

// reader turns nodes into values. Each of its readers takes a node and where it is,
// in the words of the file, and leaves its target alone where it finds a mistake.
type reader struct{ problems problems }

type read func(n node, at string)

// field is a key of a mapping.
type field struct {
	name string
	read read
}

func (r *reader) wrong(n node, at, text string) { r.problems.add(n.line, at+" "+text) }

// mapping reads a mapping with these keys. One without a value is as good as none.
func (r *reader) mapping(n node, prefix string, fields []field) {
	if n.kind != mapping {
		if n.kind != null {
			r.wrong(n, cmp.Or(strings.TrimRight(prefix, ".: "), "the file"), "must be KEY: VALUE lines")
		}
		return
	}
	seen := map[string]bool{}
	for i, key := range n.keys {
		r.entry(key, n.items[i], prefix, fields)
		if seen[key.text] {
			r.problems.add(key.line, prefix+key.text+" is there twice; the later one holds")
		}
		seen[key.text] = true
	}
}

func (r *reader) entry(key, value node, prefix string, fields []field) {
	var names []string
	for _, f := range fields {
		if f.name == key.text {
			if value.kind != null {
				f.read(value, prefix+f.name)
			}
			return
		}
		names = append(names, f.name)
	}
	r.problems.unknown(key.line, prefix+"unknown key", key.text, names)
}

// inside reads a mapping below a key.
func (r *reader) inside(fields []field) read {
	return func(n node, at string) { r.mapping(n, at+".", fields) }
}

// each reads a sequence item by item.
func (r *reader) each(item read) read {
	return func(n node, at string) {
		if n.kind != sequence {
			r.wrong(n, at, "must be a list")
			return
		}
		for _, n := range n.items {
			item(n, at)
		}
	}
}

// text reads a scalar.
func (r *reader) text(to *string) read {
	return func(n node, at string) {
		if n.kind != scalar {
			r.wrong(n, at, "must be one value")
			return
		}
		*to = n.text
	}
}

// texts reads a sequence of scalars.
func (r *reader) texts(to *[]string) read {
	return func(n node, at string) {
		var texts []string
		r.each(func(n node, at string) {
			if n.kind != scalar {
				r.wrong(n, at, "must be a list of words")
				return
			}
			texts = append(texts, n.text)
		})(n, at)
		*to = texts
	}
}

// choice reads one of a few words.
func (r *reader) choice(to *string, words ...string) read {
	return func(n node, at string) {
		if n.kind != scalar || !slices.Contains(words, n.text) {
			r.wrong(n, at, "must be "+strings.Join(words, ", ")+shown(n))
			return
		}
		*to = n.text
	}
}

// path reads an absolute path.
func (r *reader) path(to *string) read {
	return func(n node, at string) {
		if n.kind != scalar || !strings.HasPrefix(n.text, "/") {
			r.wrong(n, at, "must be an absolute path"+shown(n))
			return
		}
		*to = n.text
	}
}

// duration reads a time of more than 0, with a unit: 200ms, 30s, 5m, 1h30m.
func (r *reader) duration(to *time.Duration) read {
	return func(n node, at string) {
		d, err := time.ParseDuration(n.text)
		if n.kind != scalar || err != nil || d <= 0 {
			r.wrong(n, at, "must be a time with a unit, like 30s or 5m"+shown(n))
			return
		}
		*to = d
	}
}

// number reads a count of 1 or more.
func (r *reader) number(to *int) read {
	return func(n node, at string) {
		i, err := strconv.Atoi(n.text)
		if n.kind != scalar || err != nil || i < 1 || i > 1<<20 {
			r.wrong(n, at, "must be a number of 1 or more"+shown(n))
			return
		}
		*to = i
	}
}

// shown is what stands there instead, where that can be shown.
func shown(n node) string {
	if n.kind != scalar || len(n.text) > 64 {
		return ""
	}
	return ", not " + strconv.Quote(n.text)
}
