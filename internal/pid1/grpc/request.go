package grpc

// preface is the beginning of a connection (RFC 9113 §3.4). The windows are one byte larger
// than the largest response, so they never need an update, and a response that is too
// large is detected.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
	"\x00\x00\x18\x04\x00\x00\x00\x00\x00" + // SETTINGS on the connection, 24 bytes:
	"\x00\x01\x00\x00\x00\x00" + // HEADER_TABLE_SIZE 0
	"\x00\x02\x00\x00\x00\x00" + // ENABLE_PUSH 0
	"\x00\x04\x00\x40\x00\x06" + // INITIAL_WINDOW_SIZE maxResponse+1
	"\x00\x06\x00\x01\x00\x00" + // MAX_HEADER_LIST_SIZE maxBlock
	"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + // WINDOW_UPDATE on the connection, 4 bytes:
	"\x00\x3f\x00\x07" // maxResponse+1 - defaultWindow

// Headers of all requests, before and after that of the method. Except for "te" each is an
// indexed field of the static table, or a literal with an indexed name (RFC 7541 §6).
const (
	headersBefore = "\x83\x86" + // :method POST, :scheme http
		"\x01\x09localhost" + // :authority
		"\x04" // :path
	headersAfter = "\x0f\x10\x10application/grpc" + // content-type
		"\x00\x02te\x08trailers"
)

// requestHeaders returns the header block of a request (gRPC's Request-Headers), without
// Huffman code and dynamic table.
func requestHeaders(method string, metadata [][2]string) string {
	block := headersBefore + literal(method) + headersAfter
	for _, pair := range metadata {
		block += "\x00" + literal(pair[0]) + literal(pair[1])
	}
	return block
}

// literal encodes a string with its length (RFC 7541 §5.1, §5.2). The length has at most
// three bytes, enough for any string that fits a frame.
func literal(text string) string {
	const limit = 1<<7 - 1
	if n := len(text) - limit; n >= 0 {
		return string([]byte{limit, byte(n) | 0x80, byte(n >> 7)}) + text
	}
	return string([]byte{byte(len(text))}) + text
}
