package secrets

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/pikasTech/agentrun/lane/names"
)

// KeyWebhook is the key of the webhook's Secret, which the listener of lane objects
// triggers names.
const KeyWebhook = "secretToken"

// Webhook makes the Secret that pushes are signed with: 32 random bytes as hex digits,
// which git hosts take as they are. Nobody has to know it but the cluster and the host.
func Webhook(n names.Names) *Secret {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	return newSecret(n, n.TektonNamespace, n.WebhookSecret(), map[string][]byte{KeyWebhook: []byte(hex.EncodeToString(random))})
}
