package config

import "strings"

// flow reads [a, b] or {a: b} (YAML 1.2.2 §7.4), which ends on its line.
func (s *scanner) flow(depth int) (node, error) {
	n := node{kind: sequence, line: s.line.number}
	end := byte(']')
	if s.peek() == '{' {
		n.kind, end = mapping, '}'
	}
	if depth > maxDepth {
		return n, s.wrong("nested more than 16 deep")
	}
	for s.i++; ; s.i++ {
		if s.skip(); s.peek() == end {
			break
		}
		if err := s.flowItem(&n, end, depth); err != nil {
			return n, err
		}
		if s.skip(); s.peek() == end {
			break
		}
		if s.peek() != ',' {
			return n, s.wrong("a , or " + string(end) + " is missing; a list in brackets ends on its line")
		}
	}
	s.i++
	return n, nil
}

// flowItem reads an item of a sequence, or a key with its value.
func (s *scanner) flowItem(n *node, end byte, depth int) error {
	if n.kind == mapping {
		key, err := s.flowKey()
		if err != nil {
			return err
		}
		n.keys = append(n.keys, key)
		if s.skip(); s.peek() == ',' || s.peek() == end {
			n.items = append(n.items, node{line: s.line.number})
			return nil
		}
	}
	item, err := s.flowValue(depth)
	n.items = append(n.items, item)
	return err
}

func (s *scanner) flowKey() (node, error) {
	key, err := s.flowScalar()
	if err != nil {
		return key, err
	}
	if s.skip(); !strings.HasPrefix(s.text[s.i:], ": ") {
		return key, s.wrong("no key; write {KEY: VALUE}, with a blank behind the colon")
	}
	s.i++
	return key, s.checkKey(key)
}

func (s *scanner) flowValue(depth int) (node, error) {
	if c := s.peek(); c == '[' || c == '{' {
		return s.flow(depth + 1)
	}
	return s.flowScalar()
}

func (s *scanner) flowScalar() (node, error) {
	if c := s.peek(); c == '"' || c == '\'' {
		return s.quoted()
	}
	begin := s.i
	for s.i < len(s.text) && strings.IndexByte(",[]{}", s.text[s.i]) < 0 && !strings.HasPrefix(s.text[s.i:], ": ") {
		s.i++
	}
	text := s.text[begin:s.i]
	switch {
	case text == "":
		return node{}, s.wrong("a value is missing")
	case strings.Contains(text, "?") || strings.Contains(text, " #"):
		return node{}, s.wrong("a ? or # in brackets; quote the value")
	}
	return s.plain(text)
}
