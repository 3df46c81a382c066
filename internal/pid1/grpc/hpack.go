package grpc

// maxBlock bounds a header block, in bytes.
const maxBlock = 64 << 10

// staticFields is the number of fields in the static table (RFC 7541 appendix A).
const staticFields = 61

// statuses is the values of :status in the static table, from index firstStatus on. The
// other names of the table are not used in responses.
const firstStatus = 8

const statuses = "200" + "204" + "206" + "304" + "400" + "404" + "500"

// fields is the response headers that a call uses; "" if absent.
type fields struct{ http, status, message string }

// decoder decodes a header block (RFC 7541). There is no dynamic table: the preface sets
// its size to 0. If bad is set the results are invalid.
type decoder struct {
	rest []byte
	bad  bool
	fields
}

// decode decodes all fields.
func (d *decoder) decode() {
	for len(d.rest) > 0 && !d.bad {
		switch name, value := d.field(); name {
		case ":status":
			d.http = value
		case "grpc-status":
			d.status = value
		case "grpc-message":
			d.message = value
		}
	}
}

// field decodes one field (RFC 7541 §6).
func (d *decoder) field() (name, value string) {
	bits := 4 // literal, not for the table
	switch first := d.rest[0]; {
	case first >= 0x80:
		bits = 7 // indexed field
	case first >= 0x40:
		bits = 6 // literal for the table, whose size is 0
	case first >= 0x20:
		bits = 5 // table size, which must stay 0
	}
	i := d.integer(bits)
	switch at := 3 * (i - firstStatus); {
	case bits == 5:
		d.bad = d.bad || i > 0
		return "", ""
	case bits < 7 && i == 0:
		name = d.text()
	case i == 0 || i > staticFields:
		d.bad = true
	case at >= 0 && at < len(statuses):
		name, value = ":status", statuses[at:at+3]
	}
	if bits < 7 {
		value = d.text()
	}
	return name, value
}

// integer decodes a number whose first byte has this many bits (RFC 7541 §5.1). It accepts
// up to four further bytes, enough for any bound in this package.
func (d *decoder) integer(bits int) int {
	most := byte(1<<bits - 1)
	n := 0
	for i, b := range d.rest[:min(len(d.rest), 5)] {
		if i == 0 {
			n = int(b & most)
		} else {
			n += int(b&0x7f) << (7 * (i - 1))
		}
		if i == 0 && b&most < most || i > 0 && b < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.bad = true
	return 0
}

// text decodes a string (RFC 7541 §5.2).
func (d *decoder) text() string {
	coded := len(d.rest) > 0 && d.rest[0] >= 0x80
	n := d.integer(7)
	if n > len(d.rest) {
		d.bad = true
		return ""
	}
	text := d.rest[:n]
	d.rest = d.rest[n:]
	if !coded {
		return string(text)
	}
	plain, ok := decodeHuffman(text)
	d.bad = d.bad || !ok
	return plain
}
