package lanes

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// secret is a file for one value, for its owner alone.
func (l *Lane) secret(name string) string {
	return filepath.Join(l.Lab.Dir, "secrets", l.Names.RuntimeNamespace+"-"+name)
}

// once is the value in the file, made on the first time.
func once(file string, value func() ([]byte, error)) ([]byte, error) {
	if data, err := os.ReadFile(file); err == nil {
		return data, nil
	}
	data, err := value()
	if err != nil {
		return nil, err
	}
	return data, os.WriteFile(file, data, 0o600)
}

// signingKey makes the key that signs promotions and returns its public line.
func (l *Lane) signingKey() (string, error) {
	data, err := once(l.secret("signing"), func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		block, err := ssh.MarshalPrivateKey(key, l.Names.RuntimeNamespace)
		return pem.EncodeToMemory(block), err
	})
	if err != nil {
		return "", err
	}
	key, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key.PublicKey()))) + " " + l.Names.RuntimeNamespace, nil
}

func (l *Lane) pipelineSecrets(ctx context.Context) error {
	err := l.Run(ctx, "secrets", "create", "git", "--username", cluster.GitUser, "--password-file", l.Lab.GitPasswordFile())
	if err != nil {
		return err
	}
	return l.Run(ctx, "secrets", "create", "signing", "--key", l.secret("signing"))
}

// RuntimeSecrets makes the lane's database and what its services read, or makes it
// again with the values of before.
func (l *Lane) RuntimeSecrets(ctx context.Context) error {
	// Characters that end a URL's password early when they are not encoded.
	password, err := once(l.secret("postgres"), func() ([]byte, error) { return []byte(rand.Text() + "/@:?#%& " + rand.Text()), nil })
	if err != nil {
		return err
	}
	if err := l.database(ctx, string(password)); err != nil {
		return err
	}
	err = l.Run(ctx, "secrets", "create", "postgres", "--host", cluster.NodeIP, "--port", "5432", "--user", l.Names.Database, "--password-file", l.secret("postgres"))
	if err != nil {
		return err
	}
	auth, config := l.secret("auth.json"), l.secret("config.toml")
	if _, err := once(auth, func() ([]byte, error) { return fmt.Appendf(nil, "{\"OPENAI_API_KEY\": %q}\n", "lab-"+rand.Text()), nil }); err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte(codexConfig), 0o600); err != nil {
		return err
	}
	return l.Run(ctx, "secrets", "create", "codex", "--auth-json", auth, "--config-toml", config)
}

// NewPassword gives the lane's role in the database another password and returns the
// file that it is in. Who has the old one is let in no more.
func (l *Lane) NewPassword(ctx context.Context) (file string, err error) {
	password := rand.Text() + "/@:?#%& " + rand.Text()
	if err := l.database(ctx, password); err != nil {
		return "", err
	}
	return l.secret("postgres"), os.WriteFile(l.secret("postgres"), []byte(password), 0o600)
}

// SigningKey is the file of the key that signs promotions.
func (l *Lane) SigningKey() string { return l.secret("signing") }

// PublicKey is the line by which others know that key.
func (l *Lane) PublicKey() (string, error) { return l.signingKey() }

// database makes the lane's role and database.
func (l *Lane) database(ctx context.Context, password string) error {
	super, err := os.ReadFile(l.Lab.PostgresPasswordFile())
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(cluster.Postgres, ":")
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-h", host, "-p", port, "-U", "postgres", "-d", "postgres")
	cmd.Env = append(l.Lab.Env(), "PGPASSWORD="+strings.TrimSpace(string(super)))
	cmd.Stdin = strings.NewReader(strings.NewReplacer("{name}", l.Names.Database, "{password}", strings.ReplaceAll(password, "'", "''")).Replace(`
SELECT 'CREATE ROLE "{name}" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \gexec
ALTER ROLE "{name}" PASSWORD '{password}';
SELECT 'CREATE DATABASE "{name}" OWNER "{name}"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \gexec
`))
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := l.Lab.Run(cmd); err != nil {
		return fmt.Errorf("making the database %s: %w: %s", l.Names.Database, err, strings.ReplaceAll(words.String(), password, "…"))
	}
	return nil
}
