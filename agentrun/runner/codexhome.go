package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
)

// homeFile is one file of the Codex Secret. Its check says what is wrong with
// the content, without quoting it, or "".
type homeFile struct {
	name  string
	check func(data []byte) string
}

// authFile holds the credential; configFile may hold others.
const (
	authFile   = "auth.json"
	configFile = "config.toml"
)

var homeFiles = [...]homeFile{
	{authFile, checkAuth},
	{configFile, checkConfig},
}

// homeFileBytes bounds each file; a Secret as a whole holds 1 MiB.
const homeFileBytes = 1 << 20

const secretHint = "put it into the Codex Secret under this key"

// readHomeFiles reads the files of the Codex Secret from dir. What is missing
// or cannot work is a finding, under the name that the folder is known by.
func readHomeFiles(dir, known string) (map[string][]byte, fail.Findings) {
	files := map[string][]byte{}
	var found fail.Findings
	for _, file := range homeFiles {
		path := filepath.Join(known, file.name)
		data, err := readBounded(filepath.Join(dir, file.name), homeFileBytes)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			found = append(found, fail.Finding{Rule: "G7", File: path, Why: "the file is missing", Hint: secretHint})
			continue
		case err != nil:
			found = append(found, fail.Finding{Rule: "G7", File: path, Why: "it cannot be read: " + reasonOf(err), Hint: "mount the Codex Secret so that this user can read it"})
			continue
		}
		if why := file.check(data); why != "" {
			found = append(found, fail.Finding{Rule: "G7", File: path, Why: why, Hint: secretHint})
		}
		files[file.name] = data
	}
	return files, found
}

// checkAuth wants what Codex takes as a credential: an API key, or the tokens of
// a login. Codex itself starts without either and then fails at its first
// request.
func checkAuth(data []byte) string {
	var auth struct {
		Key    *string `json:"OPENAI_API_KEY"`
		Tokens *struct {
			Access string `json:"access_token"`
		} `json:"tokens"`
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) || json.Unmarshal(data, &auth) != nil {
		return "it is not a JSON object as Codex writes it"
	}
	if auth.Key != nil && *auth.Key != "" || auth.Tokens != nil && auth.Tokens.Access != "" {
		return ""
	}
	return "it holds no credential: neither OPENAI_API_KEY nor tokens.access_token"
}

func checkConfig(data []byte) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "it is empty"
	}
	return ""
}

// FillHome copies the files of the Codex Secret, auth.json and config.toml, from
// the folder from into the folder to, each with mode 0600. Nothing is written
// unless both are there and can work; each file is replaced as a whole, and
// files of other names in either folder are left alone. Doing it again does no
// harm. from may be a volume that Kubernetes projects, whose files are symlinks
// into a folder that is swapped when the Secret changes.
func FillHome(from, to string) error {
	// One generation of the Secret: the link could be swapped between two reads.
	generation, err := filepath.EvalSymlinks(filepath.Join(from, "..data"))
	if err != nil {
		generation = from
	}
	files, found := readHomeFiles(generation, from)
	if err := writable(to); err != nil {
		found = append(found, fail.Finding{
			Rule: "G7", File: to, Why: "the home is not a writable folder: " + reasonOf(err),
			Hint: "mount an emptyDir there that this user can write",
		})
	}
	if err := badConfig(found); err != nil {
		return err
	}
	for _, file := range homeFiles {
		if err := replace(to, file.name, files[file.name]); err != nil {
			return fail.Fail(filepath.Join(to, file.name), "see that its volume has room, and that no folder is in its place", "writing the home: %w", err)
		}
	}
	return nil
}

// replace writes a file beside its place first. An earlier try's leftover, which
// holds a credential, is taken away and not added to.
func replace(dir, name string, data []byte) (err error) {
	temp := filepath.Join(dir, "."+name+".new")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp))
		}
	}()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(temp), err)
	}
	return os.Rename(temp, filepath.Join(dir, name))
}
