package secrets_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/secrets"
)

// example is the example project's intent with the Secrets that change adds.
func example(t testing.TB, change func(in *intent.Intent)) (*intent.Intent, names.Names) {
	t.Helper()
	data, err := os.ReadFile("../../examples/shop/deploy/deploy.json")
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		t.Fatal(err)
	}
	in.SecretRefs = append(in.SecretRefs,
		intent.SecretRef{Name: "shop-v03-db", Keys: []string{"DATABASE_URL"}},
		intent.SecretRef{Name: "shop-v03-codex", Keys: []string{"auth.json", "config.toml"}})
	if change != nil {
		change(in)
	}
	n, err := in.Names()
	if err != nil {
		t.Fatal(err)
	}
	return in, n
}

func value(t testing.TB, s *secrets.Secret, key string) string {
	t.Helper()
	text, ok := s.Object().Object["data"].(map[string]any)[key].(string)
	if !ok {
		t.Fatalf("no key %s in %s", key, s)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// refused checks an error and that it tells none of the values.
func refused(t *testing.T, err error, code fail.Code, rule string, values ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if fail.CodeOf(err) != code || fail.RuleOf(err) != rule || fail.HintOf(err) == "" {
		t.Errorf("code %d, rule %q, hint %q: %v", fail.CodeOf(err), fail.RuleOf(err), fail.HintOf(err), err)
	}
	for _, v := range values {
		if all := fmt.Sprintf("%v %+v %s", err, err, fail.HintOf(err)); v != "" && strings.Contains(all, v) {
			t.Errorf("the error tells a value: %s", all)
		}
	}
}

func TestG6_EveryPartIsEncoded(t *testing.T) {
	in, n := example(t, nil)
	s, err := secrets.Postgres{Host: "db.example", User: "a/b", Password: []byte("p@s:s/w#r?d% +&=é"), SSLMode: "require"}.Secret(in, n)
	if err != nil {
		t.Fatal(err)
	}
	if s.Namespace != "shop-v03" || s.Name != "shop-v03-db" || !slices.Equal(s.Keys(), []string{"DATABASE_URL"}) {
		t.Errorf("made %s", s)
	}
	account := strings.Join([]string{"a%2Fb", "p%40s%3As%2Fw%23r%3Fd%25%20%2B%26%3D%C3%A9"}, ":")
	want := "postgres://" + account + "@db.example:5432/shop_v03?sslmode=require"
	if got := value(t, s, "DATABASE_URL"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s, err = secrets.Postgres{Host: "fd00::1", Port: 6432, User: "u", Password: []byte("p"), Database: "other"}.Secret(in, n)
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, s, "DATABASE_URL"); got != "postgres://u:p@[fd00::1]:6432/other" {
		t.Errorf("got %s", got)
	}
}

func TestG6_AnyPasswordReadsBack(t *testing.T) {
	in, n := example(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		p := secrets.Postgres{
			Host: "db", User: rapid.StringN(1, 20, -1).Draw(t, "user"), Database: rapid.StringN(1, 20, -1).Draw(t, "database"),
			Password: rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "password"),
		}
		s, err := p.Secret(in, n)
		if err != nil {
			if !strings.ContainsAny(p.User+string(p.Password)+p.Database, "\x00") && !strings.Contains(p.Database, "/") {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		data, err := base64.StdEncoding.DecodeString(s.Object().Object["data"].(map[string]any)["DATABASE_URL"].(string))
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := pgx.ParseConfig(string(data))
		if err != nil || cfg.User != p.User || cfg.Password != string(p.Password) || cfg.Database != p.Database {
			t.Fatalf("reads back as something else: %v", err)
		}
		if u, err := url.Parse(string(data)); err != nil || u.Host != "db:5432" {
			t.Fatalf("another client reads host %v: %v", u, err)
		}
	})
}

func TestPostgresRefuses(t *testing.T) {
	in, n := example(t, nil)
	good := secrets.Postgres{Host: "db", User: "u", Password: []byte(fake.Password())}
	for name, change := range map[string]func(*secrets.Postgres){
		"no host":       func(p *secrets.Postgres) { p.Host = "" },
		"host and port": func(p *secrets.Postgres) { p.Host = "db:5432" },
		"a URL":         func(p *secrets.Postgres) { p.Host = "postgres://db" },
		"many hosts":    func(p *secrets.Postgres) { p.Host = "a,b" },
		"a socket":      func(p *secrets.Postgres) { p.Host = "/run/postgresql" },
		"port":          func(p *secrets.Postgres) { p.Port = 70000 },
		"no user":       func(p *secrets.Postgres) { p.User = "" },
		"no password":   func(p *secrets.Postgres) { p.Password = nil },
		"NUL":           func(p *secrets.Postgres) { p.Password = append(p.Password, 0) },
		"slash in name": func(p *secrets.Postgres) { p.Database = "a/b" },
		"unknown ssl":   func(p *secrets.Postgres) { p.SSLMode = "on" },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			p.Password = slices.Clone(good.Password)
			change(&p)
			_, err := p.Secret(in, n)
			refused(t, err, fail.Usage, "", fake.Password())
		})
	}
}

func TestG5_OnlyDeclaredSecretsAreMade(t *testing.T) {
	in, n := example(t, func(in *intent.Intent) { in.SecretRefs = nil })
	_, err := secrets.Postgres{Host: "db", User: "u", Password: []byte(fake.Password())}.Secret(in, n)
	refused(t, err, fail.Refused, "G5", fake.Password())
	_, err = secrets.Codex(in, n, []byte(`{"OPENAI_API_KEY":"`+fake.Token()+`"}`), []byte(`model = "m"`))
	refused(t, err, fail.Refused, "G5", fake.Token())
	in, n = example(t, func(in *intent.Intent) {
		in.SecretRefs = append(in.SecretRefs, intent.SecretRef{Name: "second", Keys: []string{"DATABASE_URL"}})
	})
	_, err = secrets.Postgres{Host: "db", User: "u", Password: []byte("p")}.Secret(in, n)
	refused(t, err, fail.Refused, "G5")
}

func TestCodex(t *testing.T) {
	in, n := example(t, nil)
	key, config := fake.Token(), "model = \"m\"\n[features]\nplugins = false\n"
	for name, auth := range map[string]string{
		"key":    `{"auth_mode":"apikey","OPENAI_API_KEY":"` + key + `"}`,
		"tokens": `{"OPENAI_API_KEY":null,"tokens":{"id_token":"a","access_token":"` + key + `","refresh_token":"c","account_id":"d"},"last_refresh":"2026-01-02T03:04:05Z"}`,
	} {
		s, err := secrets.Codex(in, n, []byte(auth), []byte(config))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.Name != "shop-v03-codex" || value(t, s, "auth.json") != auth || value(t, s, "config.toml") != config {
			t.Errorf("%s: made %s", name, s)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, key) {
			t.Errorf("%s: printing it tells a value", name)
		}
	}
	for name, auth := range map[string]string{
		"empty object":   `{}`,
		"null key":       `{"OPENAI_API_KEY":null,"other":"` + key + `"}`,
		"empty key":      `{"OPENAI_API_KEY":"","other":"` + key + `"}`,
		"half of tokens": `{"tokens":{"access_token":"` + key + `"}}`,
		"not JSON":       `{"OPENAI_API_KEY":"` + key,
		"quoted thrice":  `"` + key + `"`,
		"another type":   `{"OPENAI_API_KEY":["` + key + `"]}`,
		"key twice":      `{"OPENAI_API_KEY":"` + key + `","OPENAI_API_KEY":"x"}`,
		"more behind":    `{"OPENAI_API_KEY":"` + key + `"} x`,
		"not UTF-8":      "{\"OPENAI_API_KEY\":\"" + key + "\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := secrets.Codex(in, n, []byte(auth), []byte(config))
			refused(t, err, fail.Failed, "", key)
		})
	}
	for name, text := range map[string]string{"not TOML": "key = " + key, "twice": "a = \"" + key + "\"\na = 1", "open string": "a = \"" + key} {
		t.Run(name, func(t *testing.T) {
			_, err := secrets.Codex(in, n, []byte(`{"OPENAI_API_KEY":"k"}`), []byte(text))
			refused(t, err, fail.Failed, "", key)
			if !strings.Contains(err.Error(), "config.toml:") {
				t.Errorf("it does not say where: %v", err)
			}
		})
	}
	_, err := secrets.Codex(in, n, []byte(`{"OPENAI_API_KEY":"k"}`), bytes.Repeat([]byte("#"), 600<<10))
	refused(t, err, fail.Failed, "")
}

// sshKey is an OpenSSH private key, made when the test runs.
func sshKey(t *testing.T, passphrase string) (private []byte, public ssh.PublicKey) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(priv, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(priv, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if public, err = ssh.NewPublicKey(pub); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), public
}

func TestGitPassword(t *testing.T) {
	in, n := example(t, func(in *intent.Intent) { in.Source.Repository = "https://git.example.com:8443/shop/shop.git" })
	s, err := secrets.GitPassword(in, n, "ci@shop", []byte("a:b@c/d"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Namespace != "shop-ci" || s.Name != "shop-v03-git" || value(t, s, ".git-credentials") != "https://"+strings.Join([]string{"ci%40shop", "a%3Ab%40c%2Fd"}, ":")+"@git.example.com:8443\n" {
		t.Errorf("made %s", s)
	}
	_, err = secrets.GitPassword(in, n, "u", []byte(fake.Password()+"\nx"))
	refused(t, err, fail.Usage, "", fake.Password())
	for _, repository := range []string{"git@git.example.com:shop/shop.git", "ssh://git@git.example.com/shop.git", "/srv/git/shop.git"} {
		in, n := example(t, func(in *intent.Intent) { in.Source.Repository = repository })
		_, err = secrets.GitPassword(in, n, "u", []byte(fake.Password()))
		refused(t, err, fail.Usage, "", fake.Password())
	}
}

func TestGitSSH(t *testing.T) {
	private, public := sshKey(t, "")
	line := func(host string) []byte { return []byte(knownhosts.Line([]string{host}, public) + "\n") }
	for repository, hosts := range map[string][]byte{
		"git@git.example.com:shop/shop.git":          line("git.example.com"),
		"ssh://git@git.example.com/shop/shop.git":    append([]byte("# comment\n\n"), line("git.example.com")...),
		"ssh://git@git.example.com:2222/shop.git":    line("[git.example.com]:2222"),
		"git.example.com:shop/shop.git":              append(line("other.example"), line(knownhosts.HashHostname("git.example.com"))...),
		"ssh://git@git.example.com:22/shop/shop.git": line("git.example.com"),
	} {
		in, n := example(t, func(in *intent.Intent) { in.Source.Repository = repository })
		s, err := secrets.GitSSH(in, n, bytes.ReplaceAll(bytes.TrimSpace(private), []byte("\n"), []byte("\r\n")), hosts)
		if err != nil {
			t.Errorf("%s: %v", repository, err)
			continue
		}
		if s.Name != "shop-v03-git" || value(t, s, "ssh-privatekey") != string(private) || value(t, s, "known_hosts") != string(hosts) {
			t.Errorf("%s: made %s", repository, s)
		}
	}
	in, n := example(t, func(in *intent.Intent) { in.Source.Repository = "git@git.example.com:shop/shop.git" })
	locked, _ := sshKey(t, fake.Password())
	good := line("git.example.com")
	for name, tt := range map[string]struct{ key, hosts []byte }{
		"passphrase":   {locked, good},
		"no key":       {[]byte(fake.Token()), good},
		"public half":  {ssh.MarshalAuthorizedKey(public), good},
		"another host": {private, line("github.example")},
		"hashed other": {private, line(knownhosts.HashHostname("github.example"))},
		"empty":        {private, nil},
		"garbage":      {private, []byte("git.example.com what\n")},
		"revoked":      {private, append([]byte("@revoked "), good...)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := secrets.GitSSH(in, n, tt.key, tt.hosts)
			refused(t, err, fail.Failed, "", fake.Password(), fake.Token(), string(tt.key))
		})
	}
	in, n = example(t, nil) // over HTTP
	_, err := secrets.GitSSH(in, n, private, good)
	refused(t, err, fail.Usage, "")
}

func TestSigning(t *testing.T) {
	_, n := example(t, nil)
	private, _ := sshKey(t, "")
	s, err := secrets.Signing(n, private)
	if err != nil {
		t.Fatal(err)
	}
	if s.Namespace != "shop-ci" || s.Name != "shop-v03-signing" || value(t, s, "ssh-privatekey") != string(private) {
		t.Errorf("made %s", s)
	}
	_, err = secrets.Signing(n, []byte(fake.Token()))
	refused(t, err, fail.Failed, "", fake.Token())
}

func TestReveals(t *testing.T) {
	in, n := example(t, nil)
	password := "hunter2!"
	s, err := secrets.Postgres{Host: "db.example", User: "agent", Password: []byte(password)}.Secret(in, n)
	if err != nil {
		t.Fatal(err)
	}
	dsn := value(t, s, "DATABASE_URL")
	encoded := base64.StdEncoding.EncodeToString([]byte(dsn))
	for _, text := range []string{"x " + dsn, "cut " + dsn[:20], "b64 " + encoded, "cut " + encoded[8:24] + "…", "only " + password, "as " + url.QueryEscape(password)} {
		if !s.Reveals(text) {
			t.Errorf("%q reveals nothing", text)
		}
	}
	for _, text := range []string{"", "Secret shop-v03/shop-v03-db: it is not allowed", "the namespace is being deleted"} {
		if s.Reveals(text) {
			t.Errorf("%q reveals something", text)
		}
	}
}

// TestWebhook: a value that nobody has had, where the listener of lane looks for it.
func TestWebhook(t *testing.T) {
	in, n := example(t, nil)
	one, two := secrets.Webhook(n), secrets.Webhook(n)
	if a, b := one.Value(secrets.KeyWebhook), two.Value(secrets.KeyWebhook); len(a) != 64 || a == b || !one.Reveals("x"+a) {
		t.Error("the value is short, or the same twice, or may be told")
	}
	objects, err := pipeline.Triggers(in, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.GetKind() == "EventListener" && strings.Contains(string(o.YAML), one.Name) && strings.Contains(string(o.YAML), "secretKey: "+secrets.KeyWebhook) && o.GetNamespace() == one.Namespace {
			return
		}
	}
	t.Error("no listener names the Secret")
}
