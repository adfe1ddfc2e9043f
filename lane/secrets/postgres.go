package secrets

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// KeyDatabaseURL is the key of Postgres' URL.
const KeyDatabaseURL = "DATABASE_URL"

// Postgres are the parts of a URL.
type Postgres struct {
	Host     string // name or address, without port
	Port     int    // 0 is Postgres' own
	User     string
	Password []byte
	Database string // "" is the lane's own
	SSLMode  string // "" leaves it to the client
}

// SSLModes are the values that Postgres' clients take.
var SSLModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?$`)

const defaultPort = 5432

// Secret makes the Secret that the intent declares for Postgres.
func (p Postgres) Secret(in *intent.Intent, n names.Names) (*Secret, error) {
	name, err := declared(in, KeyDatabaseURL)
	if err != nil {
		return nil, err
	}
	if p.Database == "" {
		p.Database = n.Database
	}
	if p.Port == 0 {
		p.Port = defaultPort
	}
	dsn, err := p.url()
	if err != nil {
		return nil, err
	}
	return newSecret(n, n.RuntimeNamespace, name, map[string][]byte{KeyDatabaseURL: []byte(dsn)}, string(p.Password), escape(string(p.Password))), nil
}

// url puts the parts together, each URL-encoded, and reads them back with the
// client that the services use (rule G6).
func (p Postgres) url() (string, error) {
	wrong := func(what, use string) error {
		return &fail.Error{Code: fail.Usage, Where: "the database's " + what, Hint: use, Err: errors.New("it cannot be part of a URL that services read")}
	}
	password := string(p.Password)
	switch {
	case net.ParseIP(p.Host) == nil && !hostName.MatchString(p.Host):
		return "", wrong("host", "write a host name or an address, without port or scheme")
	case p.Port < 1 || p.Port > 65535:
		return "", wrong("port", "write a number from 1 to 65535")
	case p.User == "" || strings.ContainsRune(p.User, 0):
		return "", wrong("user", "write the name of a Postgres role")
	case password == "" || strings.ContainsRune(password, 0):
		return "", wrong("password", "put it into the file as one line")
	case p.Database == "" || strings.ContainsAny(p.Database, "/\x00"):
		return "", wrong("name", "write the name of the database that was created")
	case p.SSLMode != "" && !slices.Contains(SSLModes, p.SSLMode):
		return "", wrong("sslmode", "write one of "+strings.Join(SSLModes, ", "))
	}
	dsn := "postgres://" + escape(p.User) + ":" + escape(password) + "@" + net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) + "/" + escape(p.Database)
	if p.SSLMode != "" {
		dsn += "?sslmode=" + p.SSLMode
	}
	// The error would quote the URL.
	read, err := pgx.ParseConfig(dsn)
	if err != nil || read.Host != p.Host || int(read.Port) != p.Port || read.User != p.User || read.Password != password || read.Database != p.Database {
		return "", fail.Refuse("G6", "the database's URL", "use a user, a password and a database name without control characters",
			"it does not read back as the parts that it was made of")
	}
	return dsn, nil
}

// escape leaves nothing but what no part of any URL can be mistaken for.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
