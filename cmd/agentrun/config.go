package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// config is which manager is spoken to, and as whom. It is also the configuration
// file.
type config struct {
	URL       string `json:"url,omitempty"`
	Token     string `json:"token,omitempty"`
	TokenFile string `json:"tokenFile,omitempty"` // relative to the file that says it, or the working folder
	Project   string `json:"project,omitempty"`
}

// over is c where it says something, and below elsewhere. A token that is said in
// either way replaces one that is said in the other.
func (c config) over(below config) config {
	if c.URL == "" {
		c.URL = below.URL
	}
	if c.Token == "" && c.TokenFile == "" {
		c.Token, c.TokenFile = below.Token, below.TokenFile
	}
	if c.Project == "" {
		c.Project = below.Project
	}
	return c
}

// settings joins the configuration file, the environment and the flags.
func settings(flags config) (config, error) {
	c := flags.over(config{URL: os.Getenv("AGENTRUN_URL"), Token: os.Getenv("AGENTRUN_TOKEN"), Project: os.Getenv("AGENTRUN_PROJECT")})
	file, err := readConfig()
	if err != nil {
		return config{}, err
	}
	c = c.over(file)
	if c.Token == "" && c.TokenFile != "" {
		if c.Token, err = readToken(c.TokenFile); err != nil {
			return config{}, err
		}
	}
	switch {
	case c.URL == "":
		return config{}, &fail.Error{Code: fail.Usage, Err: errors.New("nothing says where the manager is"), Hint: "set AGENTRUN_URL, or --url, or url in " + configPath()}
	case c.Token == "":
		return config{}, &fail.Error{Code: fail.Usage, Err: errors.New("there is no API token"), Hint: "set AGENTRUN_TOKEN, or --token-file, or tokenFile in " + configPath()}
	}
	return c, nil
}

// configPath is the configuration file; "" without a home.
func configPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "agentrun", "config.json")
}

// configBytes bounds the configuration file, tokenBytes a token's.
const (
	configBytes = 64 << 10
	tokenBytes  = 4 << 10
)

// readConfig reads the configuration file; there need not be one.
func readConfig() (config, error) {
	path := configPath()
	if path == "" {
		return config{}, nil
	}
	data, mode, err := readBounded(path, configBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return config{}, nil
	}
	var c config
	if err == nil {
		err = canon.Unmarshal(path, "", data, &c, canon.Limits{Bytes: configBytes, Depth: 4})
	}
	switch {
	case err != nil:
		return config{}, &fail.Error{Code: fail.Usage, Err: fmt.Errorf("reading the configuration: %w", err), Hint: "mend the file, or remove it"}
	case c.Token != "" && c.TokenFile != "":
		return config{}, &fail.Error{Code: fail.Usage, Where: path, Err: errors.New("it has both a token and a tokenFile"), Hint: "keep one of the two"}
	case c.Token != "" && mode.Perm()&0o077 != 0:
		return config{}, &fail.Error{Code: fail.Usage, Where: path, Err: errors.New("it holds a token, and others may read it"), Hint: "chmod 600 " + path}
	}
	if c.TokenFile != "" && !filepath.IsAbs(c.TokenFile) {
		c.TokenFile = filepath.Join(filepath.Dir(path), c.TokenFile)
	}
	return c, nil
}

func readToken(path string) (string, error) {
	data, _, err := readBounded(path, tokenBytes)
	if err != nil {
		return "", &fail.Error{Code: fail.Usage, Err: fmt.Errorf("reading the API token: %w", err), Hint: "name a file that holds the token and nothing else"}
	}
	return strings.TrimSpace(string(data)), nil
}

func readBounded(path string, limit int) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, info.Mode(), err
}
