package secrets

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/internal/fail"
)

// encoded is a part of a URL that no reader can split another way.
var encoded = regexp.MustCompile(`^([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$`)

// checkURL reads a URL as services do and as any other client does, and wants both to
// read the same, of the wanted database (rule G6). No error quotes it.
func checkURL(dsn, database string) error {
	const hint = "make it from its parts, which are then encoded"
	bad := func(format string, args ...any) error { return fail.Refuse("G6", "", hint, format, args...) }
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.User == nil {
		return bad("it is not a postgres:// URL with a user and a password, each URL-encoded")
	}
	_, rest, _ := strings.Cut(dsn, "://")
	authority, _, _ := strings.Cut(rest, "/")
	account := authority[:strings.LastIndexByte(authority, '@')+1]
	user, password, ok := strings.Cut(strings.TrimSuffix(account, "@"), ":")
	if !ok || !encoded.MatchString(user) || !encoded.MatchString(password) || !encoded.MatchString(strings.TrimPrefix(u.EscapedPath(), "/")) {
		return bad("the user, the password or the database in it is missing or not URL-encoded")
	}
	read, err := pgx.ParseConfig(dsn)
	plain, _ := u.User.Password()
	switch {
	case err != nil:
		return bad("it has a host, a port or an option that no Postgres client takes")
	case u.Hostname() == "" || read.Host != u.Hostname() || read.User != u.User.Username() || read.Password != plain || read.Database != strings.TrimPrefix(u.Path, "/"):
		return bad("its options say something else than its parts")
	case read.Database != database:
		return fail.Refuse("G6", "", "name the database that was created", "it does not name the database %s", database)
	}
	return nil
}

// checkCredentials wants a line of git's credential store for the repository's host.
func checkCredentials(repository string, data []byte) error {
	const hint = "give a user and a password for the intent's repository"
	want, err := url.Parse(repository)
	if err != nil {
		return fail.Fail("", hint, "the intent's repository is no URL")
	}
	for line := range bytes.Lines(data) {
		u, err := url.Parse(strings.TrimRight(string(line), "\r\n"))
		if err != nil || u.User == nil || u.Scheme != want.Scheme || u.Host != want.Host {
			continue
		}
		if password, ok := u.User.Password(); ok && password != "" && u.User.Username() != "" {
			return nil
		}
	}
	return fail.Fail("", hint, "no line is a user and a password for the host of the intent's repository")
}

// ownedKeys are the keys of data that a field manager owns.
func ownedKeys(fieldsV1 []byte) []string {
	var fields struct {
		Data map[string]any `json:"f:data"`
	}
	if err := json.Unmarshal(fieldsV1, &fields); err != nil {
		return nil
	}
	var keys []string
	for name := range fields.Data {
		if key, ok := strings.CutPrefix(name, "f:"); ok {
			keys = append(keys, key)
		}
	}
	return keys
}
