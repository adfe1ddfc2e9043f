package secretscan_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

func TestC4_FindsCredentialsInEveryNotation(t *testing.T) {
	notations := map[string]func(string) string{
		"as it is":      func(s string) string { return s },
		"in prose":      func(s string) string { return "use this:\n\n" + s + "\n\nand go on" },
		"indented":      func(s string) string { return "a: |\n    " + strings.ReplaceAll(s, "\n", "\n    ") },
		"commented out": func(s string) string { return "# " + strings.ReplaceAll(s, "\n", "\n# ") },
		"a Go string":   func(s string) string { return "var x = " + strconv.Quote(s) },
		"JSON value":    func(s string) string { return `{"value": ` + strconv.Quote(s) + `}` },
		"base64":        func(s string) string { return "value: " + base64.StdEncoding.EncodeToString([]byte(s)) + "\n" },
		"URL base64":    func(s string) string { return "value: " + base64.RawURLEncoding.EncodeToString([]byte(s)) + "\n" },
		"allow comment": func(s string) string { return strings.ReplaceAll(s, "\n", " # gitleaks:allow\n") + " # gitleaks:allow" },
		"far down": func(s string) string {
			return strings.Repeat("nothing here\n", 10_000) + s + strings.Repeat("\nnor here", 10_000)
		},
		"one long line": func(s string) string { return strings.Repeat("lorem ipsum ", 10_000) + s },
	}
	for _, c := range fake.All() {
		for name, write := range notations {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				hits := secretscan.Default().Scan("notes.txt", []byte(write(c.Value)))
				if len(hits) == 0 {
					t.Fatal("not found")
				}
				for _, h := range hits {
					if h.Rule == "" || h.Why == "" || h.Line < 1 || h.Column < 1 {
						t.Errorf("incomplete hit %+v", h)
					}
					if s := fmt.Sprintf("%+v", h); strings.Contains(s, c.Value) || strings.Contains(s, fake.Password()) {
						t.Errorf("the hit holds the secret: %s", s)
					}
				}
			})
		}
	}
}

func TestC4_NoPathIsExempt(t *testing.T) {
	text := []byte("x\ntoken = \"" + fake.GitHubToken() + "\"\n")
	for _, name := range []string{
		"go.sum", "vendor/modules.txt", "node_modules/a/b.js", "logo.svg", "package-lock.json", "gitleaks.toml", "doc.pdf",
		"vendor/github.com/a/b.go", "lib/python3.1/x.py", "", ".git", "a/javascript.json",
	} {
		hits := secretscan.Default().Scan(name, text)
		if len(hits) == 0 || hits[0].Line != 2 || hits[0].Column != 10 {
			t.Errorf("%q: %+v", name, hits)
		}
	}
}

func TestC4_ValueAllowListsDoNotHideCredentials(t *testing.T) {
	token := fake.GitHubToken()
	for name, text := range map[string]string{
		"a word that gitleaks allows anywhere": "gh" + "p_false" + token[9:],
		"a secret mount on the line":           "RUN --mount=type=secret,id=x API_KEY=" + fake.Password() + "9xY",
		"an import on the line":                "import {a} from 'b'; key = '" + fake.Password() + "9xY'",
	} {
		if hits := secretscan.Default().Scan("Dockerfile", []byte(text)); len(hits) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

// What bears its issuer's mark needs no look of chance: examples are told apart
// from credentials by nobody who finds one.
func TestC4_FindsMarkedTokensWhateverTheirDigits(t *testing.T) {
	for _, token := range []string{
		"gh" + "p_" + strings.Repeat("a", 36),
		"gh" + "p_0123456789abcdefghijklmnopqrstuvwxyz",
		"AKIA" + "IOSFODNN7EXAMPLE",
		"gl" + "pat-" + strings.Repeat("x", 20),
		"xox" + "b-123456789012-123456789012-abcdefghijklmnopqrstuvwx",
		"sk" + "-proj-" + strings.Repeat("abcd1234", 4),
		"sk" + "-" + strings.Repeat("A", 48),
		"np" + "m_" + strings.Repeat("a", 36),
	} {
		if hits := secretscan.Default().Scan("x.txt", []byte("see "+token+" there\n")); len(hits) == 0 || hits[0].Column != 5 {
			t.Errorf("%s…: %+v", token[:6], hits)
		}
	}
	for _, word := range []string{"task-" + strings.Repeat("abcd1234", 4), "sk-learn-and-other-names-of-things"} {
		if hits := secretscan.Default().Scan("x.txt", []byte(word)); len(hits) > 0 {
			t.Errorf("%s: %+v", word, hits)
		}
	}
}

func TestC4_FindsPrivateKeysOfEveryForm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(ecKey)
	sec1, _ := x509.MarshalECPrivateKey(ecKey)
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for name, data := range map[string][]byte{
		"PKCS#1 PEM":     block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"PKCS#1 DER":     x509.MarshalPKCS1PrivateKey(rsaKey),
		"PKCS#8 DER":     pkcs8,
		"SEC 1 PEM":      block("EC PRIVATE KEY", sec1),
		"SEC 1 DER":      sec1,
		"OpenSSH":        block("OPENSSH PRIVATE KEY", pkcs8),
		"PGP":            block("PGP PRIVATE KEY BLOCK", pkcs8),
		"encrypted":      []byte(strings.Replace(string(block("RSA PRIVATE KEY", pkcs8)), "\n", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1)),
		"without an end": block("PRIVATE KEY", pkcs8)[:100],
		"DER in base64":  []byte("key: " + base64.StdEncoding.EncodeToString(pkcs8)),
		"PuTTY":          []byte("PuTTY-User-Key-" + "File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if hits := secretscan.Default().Scan("key", data); len(hits) == 0 {
				t.Error("not found")
			}
		})
	}
}

// What documents and code say about credentials is none.
func TestC4_LeavesPlaceholdersAlone(t *testing.T) {
	for _, text := range []string{
		"postgres://user:password@host/db and postgres://<user>:<password>@<host>",
		"postgres://${USER}:${PASSWORD}@host, https://%s:%s@%s, http://{{ .User }}:{{ .Password }}@x",
		"http://127.0.0.1:10808, git@github.com:a/b.git, ssh://git@github.com/a/b, http://h:8080/@scope/pkg",
		"a block begins with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----",
		"kind: Secret\nstringData:\n  DATABASE_URL: <the database's URL>\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {}\ntype: Opaque\n",
		"kind: Config\nusers:\n- name: u\n  user: {exec: {command: login}}\n",
		"github.com/docker/docker-credential-helpers v0.9.9 h1:BkydjIgZ46JnDbqyM2p2fc63KMw6y+KHL3Em/2AGJ7w=\n",
		"shop-api " + fake.Digest() + "\napi_key_of: \"" + fake.Digest() + "\"\n",
		"secretRef: {name: agentrun-v01-postgres, key: DATABASE_URL}",
		"-----BEGIN CERTIFICATE-----\nMIIBkTCB+wIJAKHHIG...\n-----END CERTIFICATE-----",
		"kind: Secret\nmetadata: {name: a-long-name}\ndata: {a: b25l, b: dHdv}\ntype: Opaque-and-long\n",
		`{"auths": {"registry.example": {"auth": ""}}}`,
	} {
		if hits := secretscan.Default().Scan("doc.md", []byte(text)); len(hits) != 0 {
			t.Errorf("%q: %+v", text, hits)
		}
	}
}

func TestC4_FindsAnyValueOfASecret(t *testing.T) {
	for _, text := range []string{
		"kind: Sec" + "ret\nstringData:\n  a: \"\"\n  b: <x>\n  c: " + fake.Password() + "\n",
		`{"data":{"a":"","b":"` + base64.StdEncoding.EncodeToString([]byte(fake.Password())) + `"},"kind":"Sec` + `ret"}`,
		"kind: Sec" + "ret\nstringData:\n  file: |\n    " + fake.Password() + "\n",
	} {
		if hits := secretscan.Default().Scan("s.yaml", []byte(text)); len(hits) == 0 {
			t.Errorf("%q: not found", text)
		}
	}
}

func TestC4_HugeInputIsNoPass(t *testing.T) {
	hits := secretscan.Default().Scan("big", make([]byte, secretscan.MaxBytes+1))
	if len(hits) != 1 || hits[0].Rule != "too-large" {
		t.Errorf("hits: %+v", hits)
	}
}

func TestPlaceholder(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "xxxx": true, "***": true, "<password>": true, "${PASSWORD}": true, "$PASSWORD": true, "%s": true, "{{ .P }}": true,
		"eyJ...": true, "Password": true, "[password]": true,
		"hunter2": false, "${PASSWORD:-hunter2}": false, "changeme": false, "%2Fsecret": false, "a<b>": false,
	} {
		if got := secretscan.Placeholder(value); got != want {
			t.Errorf("Placeholder(%q) = %v", value, got)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range fake.All() {
		f.Add("a.yaml", []byte(c.Value))
		f.Add("a.tf", []byte(base64.StdEncoding.EncodeToString([]byte(c.Value))))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		for _, h := range secretscan.Default().Scan(name, data) {
			if h.Line < 1 || h.Column < 1 || h.Line > len(data)+1 {
				t.Fatalf("hit %+v in %d bytes", h, len(data))
			}
		}
	})
}
