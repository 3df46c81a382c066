package config

import "strings"

// flow scans [a, b] or {a: b} (YAML 1.2.2 §7.4), which must end on its line.
func (s *scanner) flow(depth int) (node, error) {
	n := node{kind: sequence, line: s.line.number}
	end := byte(']')
	if s.peek() == '{' {
		n.kind, end = mapping, '}'
	}
	if depth > maxDepth {
		return n, s.wrong("nested deeper than 16 levels")
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
			return n, s.wrong("missing , or " + string(end) + "; a value in brackets must end on its line")
		}
	}
	s.i++
	return n, nil
}

// flowItem scans an item of a sequence, or a key and its value.
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
		return key, s.wrong("missing key; write {KEY: VALUE} with a space after the colon")
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
		return node{}, s.wrong("missing value")
	case strings.Contains(text, "?") || strings.Contains(text, " #"):
		return node{}, s.wrong("? or # in brackets; quote the value")
	}
	return s.plain(text)
}
