package publish

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/plan/archives"
	"github.com/pikasTech/agentrun/lane/publish/builder"
	"github.com/pikasTech/agentrun/lane/publish/unpack"
)

const certificatesFile = plan.RootsFile

// ownDockerfile is the Dockerfile of a service that has none: the program, the
// certificate authorities of the web, and a user that is not root. Time zones
// are in the program. The certificates come first, so that their layer is shared;
// without --chmod, which BuildKit would give to the folders above them too.
func ownDockerfile(service string) string {
	return `FROM scratch
COPY --chown=0:0 ` + certificatesFile + ` /etc/ssl/certs/` + certificatesFile + `
COPY --chmod=0555 --chown=0:0 ` + service + ` /` + service + `
USER 65532:65532
ENTRYPOINT ["/` + service + `"]
`
}

// certificates is Mozilla's list of roots as PEM. Roots that Mozilla trusts only
// for certificates up to some date are left out: PEM cannot say that.
func certificates() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			// Writes to a buffer do not fail.
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return b.Bytes()
}

// OwnImage is what decides lane's own Dockerfile, as inputs of the identity of
// every service that has no Dockerfile itself.
func OwnImage() ([]canon.Input, error) {
	return []canon.Input{
		{Name: "own Dockerfile", Value: canon.Digest([]byte(ownDockerfile("SERVICE")))},
		OwnRoots(),
	}, nil
}

// OwnRoots is lane's list of certificate authorities, as an input of the identity of
// services whose Dockerfile copies it.
func OwnRoots() canon.Input {
	return canon.Input{Name: "own certificates", Value: canon.Digest(certificates())}
}

// request prepares the folder that the builder reads: the binary under the
// service's id and, for a service with a Dockerfile, the files of build.inputs at
// their paths; nothing else.
func (w *workshop) request(ctx context.Context, j *job, dir, binary string) (builder.Request, error) {
	r := builder.Request{
		Context: filepath.Join(dir, "context"), Dockerfile: filepath.Join(dir, "Dockerfile"), Scratch: filepath.Join(dir, "builder"),
		Image: j.ref, Bases: j.Bases, Identity: j.identity, Insecure: w.Registry.Insecure || registry.Loopback(w.Address),
	}
	if err := os.Mkdir(r.Scratch, 0o700); err != nil {
		return r, fmt.Errorf("preparing the image: %w", err)
	}
	if err := w.write(r.Context, j.Copies); err != nil {
		return r, err
	}
	if err := w.unpack(ctx, j, r.Context); err != nil {
		return r, err
	}
	if j.OwnRoots {
		if err := writeRoots(r.Context); err != nil {
			return r, fmt.Errorf("preparing the image: %w", err)
		}
	}
	if j.Dockerfile.Path == "" {
		if err := writeOwn(r, j.ServiceID); err != nil {
			return r, fmt.Errorf("preparing the image: %w", err)
		}
	} else {
		// A name of its own: that of the repository could be hidden in a folder.
		r.Dockerfile = filepath.Join(dir, "dockerfile", "Dockerfile")
		file := plan.File{Path: "Dockerfile", Mode: j.Dockerfile.Mode, OID: j.Dockerfile.OID}
		if err := w.write(filepath.Dir(r.Dockerfile), []plan.File{file}); err != nil {
			return r, err
		}
	}
	if binary != "" {
		target := filepath.Join(r.Context, j.ServiceID)
		if err := os.Chmod(binary, 0o755); err != nil {
			return r, fmt.Errorf("preparing the image: %w", err)
		}
		if err := os.Rename(binary, target); err != nil {
			return r, fmt.Errorf("preparing the image: %w", err)
		}
	}
	return r, nil
}

func writeOwn(r builder.Request, service string) error {
	return errors.Join(os.WriteFile(r.Dockerfile, []byte(ownDockerfile(service)), 0o644), writeRoots(r.Context))
}

func writeRoots(dir string) error {
	file := filepath.Join(dir, certificatesFile)
	return errors.Join(os.WriteFile(file, certificates(), 0o644), os.Chmod(file, 0o644)) // whatever the umask is
}

// unpack puts the job's archives into the build context.
func (w *workshop) unpack(ctx context.Context, j *job, dir string) error {
	if j.Archives == nil {
		return nil
	}
	// Beside the work folder, which goes with each call, and on its file system.
	store := &unpack.Store{Dir: filepath.Join(w.State, "archives"), HTTP: &http.Client{}, Progress: func(archive, _ string) {
		w.tell(Event{Service: j.ServiceID, Step: Fetching, Detail: archive})
	}}
	for _, name := range j.Archives.Trees() {
		tree, err := store.Tree(ctx, j.Archives.Tree(name))
		if err != nil {
			return err
		}
		if err := unpack.Place(tree, filepath.Join(dir, archives.Folder, name)); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(dir, archives.Folder), 0o755)
}
