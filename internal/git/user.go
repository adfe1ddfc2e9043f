package git

import (
	"context"
	"strings"
)

// User is who works in this repository, by git's own settings: "name <address>", or
// one of the two when the other is not set, or "".
func (r *Repo) User(ctx context.Context) (string, error) {
	var parts [2]string
	for i, key := range []string{"user.name", "user.email"} {
		out, err := r.run(ctx, "config", "--get", key)
		if err != nil && exitCode(err) != 1 {
			return "", err
		}
		parts[i] = clean(string(out))
	}
	name, address := parts[0], parts[1]
	if name != "" && address != "" {
		return name + " <" + address + ">", nil
	}
	return strings.TrimSpace(name + address), nil
}
