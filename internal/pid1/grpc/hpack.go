package grpc

// maxBlock bounds a header block, in bytes.
const maxBlock = 64 << 10

// staticFields is the number of fields in the static table (RFC 7541 appendix A).
const staticFields = 61

// statuses are the values that :status has in the static table, from firstStatus on.
// No other name in that table is of interest.
const firstStatus = 8

const statuses = "200" + "204" + "206" + "304" + "400" + "404" + "500"

// fields are the headers of an answer that a call looks at; "" is none.
type fields struct{ http, status, message string }

// decoder reads a header block (RFC 7541). There is no dynamic table: the opening has
// set its size to 0. Once the block is bad, what is read is of no use.
type decoder struct {
	rest []byte
	bad  bool
	fields
}

// decode reads all fields.
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

// field reads one field (RFC 7541 §6).
func (d *decoder) field() (name, value string) {
	bits := 4 // a literal, not to be put into the table
	switch first := d.rest[0]; {
	case first >= 0x80:
		bits = 7 // a field of the table
	case first >= 0x40:
		bits = 6 // a literal to be put into it, which has no room
	case first >= 0x20:
		bits = 5 // the size of the table, which may be no other
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

// integer reads a number that begins in the last bits of a byte (RFC 7541 §5.1). Of
// what follows it reads at most four bytes, which make more than any bound here.
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

// text reads a string (RFC 7541 §5.2).
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
