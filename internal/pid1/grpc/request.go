package grpc

// opening is what a connection begins with (RFC 9113 §3.4). The windows are larger
// by one than the largest answer, so that none is ever opened further and one that
// is too large shows.
const opening = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
	"\x00\x00\x18\x04\x00\x00\x00\x00\x00" + // SETTINGS on the connection, 24 bytes:
	"\x00\x01\x00\x00\x00\x00" + // HEADER_TABLE_SIZE 0
	"\x00\x02\x00\x00\x00\x00" + // ENABLE_PUSH 0
	"\x00\x04\x00\x40\x00\x06" + // INITIAL_WINDOW_SIZE maxAnswer+1
	"\x00\x06\x00\x01\x00\x00" + // MAX_HEADER_LIST_SIZE maxBlock
	"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + // WINDOW_UPDATE on the connection, 4 bytes:
	"\x00\x3f\x00\x07" // maxAnswer+1 - defaultWindow

// Headers that all requests have, before the method's and after. Each is a number in
// the static table with a value, or stands in it with its value (RFC 7541 §6), but
// for "te".
const (
	headersBefore = "\x83\x86" + // :method POST, :scheme http
		"\x01\x09localhost" + // :authority
		"\x04" // :path
	headersAfter = "\x0f\x10\x10application/grpc" + // content-type
		"\x00\x02te\x08trailers"
)

// requestHeaders returns the header block of a request (gRPC's Request-Headers). It
// uses no Huffman code, and puts nothing into a table.
func requestHeaders(method string, metadata [][2]string) string {
	block := headersBefore + literal(method) + headersAfter
	for _, pair := range metadata {
		block += "\x00" + literal(pair[0]) + literal(pair[1])
	}
	return block
}

// literal is a string with its length before it (RFC 7541 §5.1, §5.2). Three bytes are
// enough for all lengths that a frame has room for.
func literal(text string) string {
	const most = 1<<7 - 1
	if n := len(text) - most; n >= 0 {
		return string([]byte{most, byte(n) | 0x80, byte(n >> 7)}) + text
	}
	return string([]byte{byte(len(text))}) + text
}
