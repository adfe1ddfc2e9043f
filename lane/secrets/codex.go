package secrets

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pelletier/go-toml/v2"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// The keys of Codex' Secret.
const (
	KeyCodexAuth   = "auth.json"
	KeyCodexConfig = "config.toml"
)

// Codex makes the Secret that the intent declares for Codex from its two files,
// byte for byte.
func Codex(in *intent.Intent, n names.Names, auth, config []byte) (*Secret, error) {
	name, err := declared(in, KeyCodexAuth, KeyCodexConfig)
	if err != nil {
		return nil, err
	}
	if err := checkAuth(auth); err != nil {
		return nil, err
	}
	if err := checkConfig(config); err != nil {
		return nil, err
	}
	return newSecret(n, n.RuntimeNamespace, name, map[string][]byte{KeyCodexAuth: auth, KeyCodexConfig: config}), nil
}

const hintAuth = "sign in with codex login, and name the auth.json in ~/.codex"

// checkAuth wants a credential that Codex can use: a missing one it tells nobody
// about, it only gets no answers.
func checkAuth(data []byte) error {
	var auth struct {
		Key    *string `json:"OPENAI_API_KEY"`
		Tokens *struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		} `json:"tokens"`
	}
	if err := tooLarge(KeyCodexAuth, data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &auth); err != nil {
		// The error would quote the file.
		where := KeyCodexAuth
		if at, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			line, column := canon.Position(data, at.ByteOffset)
			where = fmt.Sprintf("%s:%d:%d", where, line, column)
		}
		return fail.Fail(where, hintAuth, "it is not the JSON that Codex writes")
	}
	if auth.Key != nil && *auth.Key != "" || auth.Tokens != nil && auth.Tokens.Access != "" && auth.Tokens.Refresh != "" {
		return nil
	}
	return fail.Fail(KeyCodexAuth, hintAuth, "it holds neither OPENAI_API_KEY nor tokens that can be used")
}

func checkConfig(data []byte) error {
	if err := tooLarge(KeyCodexConfig, data); err != nil {
		return err
	}
	var any map[string]any
	err := toml.Unmarshal(data, &any)
	if err == nil {
		return nil
	}
	where := KeyCodexConfig
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := at.Position()
		where = fmt.Sprintf("%s:%d:%d", where, line, column)
	}
	return fail.Fail(where, "see whether codex starts with this file", "it is not TOML")
}

func tooLarge(where string, data []byte) error {
	if len(data) > maxValues/2 {
		return fail.Fail(where, "name the file that Codex itself wrote", "it has more than %d KiB", maxValues/2>>10)
	}
	return nil
}
