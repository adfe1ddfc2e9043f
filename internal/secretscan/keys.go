package secretscan

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"regexp"
)

// pemHeader is the first line of a private key's PEM block: PKCS#1, PKCS#8, SEC 1,
// OpenSSH, PGP and what else calls itself one.
var pemHeader = regexp.MustCompile(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----`)

// leastBody is how much base64 behind a PEM header makes it a key and not a text
// about keys.
const leastBody = 16

// puttyHeader is the first line of PuTTY's key files.
var puttyHeader = regexp.MustCompile(`PuTTY-User-Key-File-[0-9]+: `)

// privateKeys finds private keys: PEM blocks, also indented, escaped or cut off,
// PuTTY's files, and DER when all of data is one.
func privateKeys(data []byte) []match {
	var out []match
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		for _, at := range pemHeader.FindAllIndex(data, -1) {
			if pemBody(data[at[1]:]) >= leastBody {
				out = append(out, match{rule: "private-key", offset: at[0], why: "a private key in PEM"})
			}
		}
	}
	if at := puttyHeader.FindIndex(data); at != nil && bytes.Contains(data[at[1]:], []byte("Private-Lines: ")) {
		out = append(out, match{rule: "private-key", offset: at[0], why: "a private key of PuTTY"})
	}
	if isKeyDER(data) {
		out = append(out, match{rule: "private-key", offset: 0, why: "a private key in DER"})
	}
	return out
}

// pemBody counts the base64 digits that follow a PEM header. What a notation puts
// between lines (indentation, comment signs, quotes, escaped line feeds, block
// headers such as Proc-Type) does not end the body.
func pemBody(rest []byte) int {
	rest = rest[:min(len(rest), 512)]
	if end := bytes.Index(rest, []byte("-----")); end >= 0 {
		rest = rest[:end]
	}
	count := 0
	for line := range bytes.SplitSeq(bytes.ReplaceAll(rest, []byte(`\n`), []byte("\n")), []byte("\n")) {
		line = bytes.Trim(bytes.ReplaceAll(line, []byte(`\r`), nil), " \t\r\\\"'`,;+#/*>|")
		if len(bytes.TrimRight(bytes.Trim(line, "="), base64Digits)) == 0 {
			count += len(line)
		}
	}
	return count
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// pfx is the beginning of a PKCS#12 file.
type pfx struct {
	Version  int
	AuthSafe struct {
		ContentType asn1.ObjectIdentifier
		Rest        asn1.RawValue `asn1:"optional"`
	}
	Rest asn1.RawValue `asn1:"optional"`
}

var pkcs7Data = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}

// isKeyDER reports whether data as a whole is a private key, or a PKCS#12 file
// that holds one.
func isKeyDER(data []byte) bool {
	if len(data) < 32 || len(data) > 64<<10 || data[0] != 0x30 {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(data); err == nil {
		return true
	}
	if _, err := x509.ParseECPrivateKey(data); err == nil {
		return true
	}
	var p pfx
	_, err := asn1.Unmarshal(data, &p)
	return err == nil && p.Version == 3 && p.AuthSafe.ContentType.Equal(pkcs7Data)
}
