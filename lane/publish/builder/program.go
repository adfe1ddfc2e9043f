package builder

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// find is the absolute path of a program, looked for in bin (unless that is "")
// and then on PATH.
func find(bin, name, hint string) (string, error) {
	if bin != "" {
		if path, err := exec.LookPath(filepath.Join(bin, name)); err == nil {
			return filepath.Abs(path)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fail.Fail(name, hint, "the program is not installed")
	}
	return filepath.Abs(path)
}

// environment is what a builder gets of this process's environment: how to find
// programs and how to reach other hosts, and nothing that names credentials or
// could change an image. home is its home folder. Registries in direct are
// reached without a proxy.
func environment(home string, direct ...string) []string {
	env := []string{"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "DOCKER_CONFIG=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	noProxy := append(direct, "localhost", "127.0.0.0/8", "::1")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if v := os.Getenv(name); v != "" {
			noProxy = append(noProxy, v)
		}
	}
	all := strings.Join(slices.Compact(noProxy), ",")
	return append(env, "NO_PROXY="+all, "no_proxy="+all)
}
