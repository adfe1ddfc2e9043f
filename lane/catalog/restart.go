package catalog

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Generation is a random id of a service's pods: 16 hex digits, or "". It is made of
// nothing, so that nothing can be learnt from it.
type Generation string

var generation = regexp.MustCompile(`^[0-9a-f]{16}$`)

// NewGeneration is one that nobody had.
func NewGeneration() Generation {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	return Generation(hex.EncodeToString(id))
}

// UnmarshalJSON refuses whatever is written and is no generation, "" and null among
// it: then the field is left out.
func (g *Generation) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) < 2 || text[0] != '"' || !generation.MatchString(text[1:len(text)-1]) {
		return errors.New("it is not 16 hex digits")
	}
	*g = Generation(text[1 : len(text)-1])
	return nil
}

// Restart says whose pods are to be replaced.
type Restart struct {
	Services   []string // sorted
	Generation Generation
}

// String is the form that ParseRestart reads, the generation first, so that nobody takes
// it for the value of a key of that name: 0123456789abcdef=api,web.
func (r Restart) String() string { return string(r.Generation) + "=" + strings.Join(r.Services, ",") }

// ParseRestart reads what String writes.
func ParseRestart(text string) (Restart, error) {
	id, list, _ := strings.Cut(text, "=")
	r := Restart{strings.Split(list, ","), Generation(id)}
	well := generation.MatchString(id) && slices.IsSorted(r.Services)
	for i, s := range r.Services {
		well = well && serviceID.MatchString(s) && (i == 0 || r.Services[i-1] != s)
	}
	if !well {
		return Restart{}, &fail.Error{
			Code: fail.Usage, Hint: "write services, sorted, and a generation: 0123456789abcdef=api,web",
			Err: fmt.Errorf("%q is no restart", fail.Clean(text, 80)),
		}
	}
	return r, nil
}

// Restarted is c with the generation of r in its services. RenderDigest is left
// empty: the manifests are rendered from the catalog. A service that c does not have
// is refused by rule F4.
func (c *Catalog) Restarted(r Restart) (*Catalog, error) {
	next := *c
	next.RenderDigest, next.Services = "", slices.Clone(c.Services)
	for _, id := range r.Services {
		i := slices.IndexFunc(next.Services, func(s Service) bool { return s.ServiceID == id })
		if i < 0 {
			return nil, fail.Refuse("F4", id, "restart services that are released", "the catalog has no service %s", id)
		}
		next.Services[i].Generation = r.Generation
	}
	return &next, nil
}
