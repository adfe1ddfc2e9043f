package identity

import (
	"crypto/sha256"
	"sync"
)

// maxProved bounds what is remembered. It is more than there are runners.
const maxProved = 10_000

// proved is what tokens say whose signature is that of a key of set. A runner sends the
// same token for most of an hour, and the signature is what checking it costs. What it
// says is compared each time.
type proved struct {
	mu     sync.Mutex
	set    *keySet
	claims map[[sha256.Size]byte]claims // by the hash of the token, which is not kept
}

func (p *proved) get(set *keySet, token [sha256.Size]byte) (claims, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set != set {
		return claims{}, false
	}
	c, ok := p.claims[token]
	return c, ok
}

// put forgets what other keys have proved.
func (p *proved) put(set *keySet, token [sha256.Size]byte, c claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set != set || len(p.claims) >= maxProved {
		p.set, p.claims = set, map[[sha256.Size]byte]claims{}
	}
	p.claims[token] = c
}
