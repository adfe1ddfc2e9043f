package debian

import (
	"os"
	"path/filepath"
	"testing"
)

// TestServicesMayStartAgain: what forbids them goes, also what an installation that was
// killed has left; what is the machine's own stays.
func TestServicesMayStartAgain(t *testing.T) {
	const own = "#!/bin/sh\nexit 0\n"
	for name, tt := range map[string]struct{ before, during, after string }{
		"nothing was there": {"", denial, ""},
		"one was killed":    {denial, denial, ""},
		"the machine's own": {own, own, own},
		"it says nothing":   {"\n", "\n", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := filepath.Join(t.TempDir(), "policy-rc.d")
			says := func(want string) {
				t.Helper()
				got, err := os.ReadFile(policy)
				if want == "" && !os.IsNotExist(err) || string(got) != want {
					t.Errorf("it says %q, want %q: %v", got, want, err)
				}
			}
			if tt.before != "" {
				if err := os.WriteFile(policy, []byte(tt.before), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			allow, err := deny(policy)
			if err != nil {
				t.Fatal(err)
			}
			says(tt.during)
			if err := allow(); err != nil {
				t.Error(err)
			}
			says(tt.after)
			if err := permit(policy); err != nil {
				t.Error(err)
			}
			says(tt.after)
		})
	}
}
