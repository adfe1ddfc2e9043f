package secrets

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what OpenSSH hashes host names with
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// The keys of git's and of the signing Secret.
const (
	KeyGitCredentials = ".git-credentials"
	KeySSHKey         = "ssh-privatekey"
	KeyKnownHosts     = "known_hosts"
)

// GitPassword makes the Secret with which git signs in over HTTP: one line of git's
// own credential store, for the host of the intent's repository.
func GitPassword(in *intent.Intent, n names.Names, user string, password []byte) (*Secret, error) {
	u, err := url.Parse(in.Source.Repository)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &fail.Error{
			Code: fail.Usage, Where: in.Source.Repository, Hint: "use --ssh-key and --known-hosts",
			Err: errors.New("the intent's repository is not reached over HTTP, so a password is of no use"),
		}
	}
	if user == "" || len(password) == 0 || bytes.ContainsAny(password, "\x00\n\r") || strings.ContainsAny(user, "\x00\n\r") {
		return nil, &fail.Error{Code: fail.Usage, Hint: "put the password into the file as one line", Err: errors.New("git needs a user and a password of one line each")}
	}
	line := u.Scheme + "://" + escape(user) + ":" + escape(string(password)) + "@" + u.Host + "\n"
	return newSecret(n, n.TektonNamespace, n.GitSecret(), map[string][]byte{KeyGitCredentials: []byte(line)}, string(password), escape(string(password))), nil
}

// GitSSH makes the Secret with which git signs in over SSH.
func GitSSH(in *intent.Intent, n names.Names, key, knownHosts []byte) (*Secret, error) {
	host, ok := sshHost(in.Source.Repository)
	if !ok {
		return nil, &fail.Error{
			Code: fail.Usage, Where: in.Source.Repository, Hint: "use --username and --password-file",
			Err: errors.New("the intent's repository is not reached over SSH, so a key is of no use"),
		}
	}
	key, err := privateKey(key)
	if err != nil {
		return nil, err
	}
	if err := knows(knownHosts, host); err != nil {
		return nil, err
	}
	return newSecret(n, n.TektonNamespace, n.GitSecret(), map[string][]byte{KeySSHKey: key, KeyKnownHosts: knownHosts}), nil
}

// Signing makes the Secret with the key that signs promotions. Whether it is one of
// the intent's signers was asked before.
func Signing(n names.Names, key []byte) (*Secret, error) {
	key, err := privateKey(key)
	if err != nil {
		return nil, err
	}
	return newSecret(n, n.TektonNamespace, n.SigningSecret(), map[string][]byte{KeySSHKey: key}), nil
}

// privateKey is the key in the form that OpenSSH reads: with Unix line ends, the
// last one included.
func privateKey(data []byte) ([]byte, error) {
	data = append(bytes.TrimRight(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), "\n"), '\n')
	_, err := ssh.ParseRawPrivateKey(data)
	if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		return nil, fail.Fail("the private key", "make one without: ssh-keygen -t ed25519 -N ''", "it has a passphrase, which nobody types in a pod")
	}
	if err != nil {
		return nil, fail.Fail("the private key", "name the file without .pub that ssh-keygen made", "it cannot be read as a private key")
	}
	return data, nil
}

// sshHost is the host that git reaches with ssh, as known_hosts writes it.
func sshHost(repository string) (string, bool) {
	if strings.Contains(repository, "://") {
		u, err := url.Parse(repository)
		if err != nil || u.Scheme != "ssh" || u.Hostname() == "" {
			return "", false
		}
		if p := u.Port(); p != "" && p != "22" {
			return "[" + u.Hostname() + "]:" + p, true
		}
		return u.Hostname(), true
	}
	host, _, ok := strings.Cut(repository, ":") // git@host:path
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return host, ok && host != "" && !strings.Contains(host, "/")
}

// knows refuses known_hosts that cannot be read or do not know the host: the pod
// asks nobody.
func knows(data []byte, host string) error {
	hint := "make them with ssh-keyscan " + strings.Trim(host, "[]") + ", and compare the fingerprints with those that the host publishes"
	rest := data
	for {
		marker, hosts, _, _, next, err := ssh.ParseKnownHosts(rest)
		if errors.Is(err, io.EOF) {
			return fail.Fail(KeyKnownHosts, hint, "they do not know %s", host)
		}
		if err != nil {
			return fail.Fail(KeyKnownHosts, hint, "they cannot be read: %s", fail.Clean(err.Error(), 100))
		}
		if marker != "revoked" {
			for _, pattern := range hosts {
				if pattern == host || hashed(pattern, host) {
					return nil
				}
			}
		}
		rest = next
	}
}

// hashed reports whether pattern is the host in OpenSSH's hashed form:
// |1|salt|HMAC-SHA1.
func hashed(pattern, host string) bool {
	parts := strings.Split(pattern, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(host))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)) == parts[3]
}
