package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// cmdFakes (fakes) writes files with credentials that are made now: password,
// twolines, auth.json and key.
func cmdFakes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: fakes")
	}
	_, key, err := ed25519.GenerateKey(nil)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(key, "")
	ts.Check(err)
	for name, text := range map[string]string{
		"password":  "/@:%+" + fake.Password() + "\n",
		"twolines":  fake.Password() + "\n" + fake.Password() + "\n",
		"auth.json": `{"OPENAI_API_KEY":"` + fake.Token() + `"}`,
		"key":       string(pem.EncodeToMemory(block)),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// cmdUntold (untold) fails when the last command told a value that fakes wrote, or
// any part of one, as it is or in base64.
func cmdUntold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: untold")
	}
	told := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if told == "" {
		ts.Fatalf("the last command told nothing at all")
	}
	const part = 10
	for _, name := range []string{"password", "auth.json", "key"} {
		for line := range strings.Lines(ts.ReadFile(name)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), `{"OPENAI_API_KEY":"`) // a name that may be told
			if strings.HasPrefix(line, "-----") {
				continue
			}
			for _, form := range []string{line, base64.StdEncoding.EncodeToString([]byte(line))} {
				for i := 0; i+part <= len(form); i++ {
					if piece := form[i : i+part]; strings.Contains(told, piece) {
						ts.Fatalf("it tells a part of %s", name)
					}
				}
			}
		}
	}
}
