package plan

import (
	"context"
	"crypto/sha256"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan/golang"
)

// description is a component before it is spelled out: enough for its identity,
// and cheap for the services that stay as they are.
type description struct {
	service string
	own     []canon.Input   // sorted; all but the program's
	program *golang.Program // nil without one
	image   image
}

func (s *Snapshot) describe(ctx context.Context, svc intent.Service) (*description, error) {
	d := &description{service: svc.ID, own: []canon.Input{
		{Name: "service", Value: svc.ID}, // in the image's entrypoint
		{Name: "platform", Value: Platform},
		{Name: "builder", Value: s.loader.Builder},
	}}
	if svc.Build.Go != "" {
		dir := path.Clean(svc.Build.Go)
		if path.IsAbs(dir) || dir == ".." || strings.HasPrefix(dir, "../") {
			return nil, fail.Fail(dir, "name a folder of the repository, such as ./cmd/api", "the main package is outside the repository")
		}
		p, err := s.golang.Program(ctx, dir)
		if err != nil {
			return nil, err
		}
		d.program, d.own = p, append(d.own, s.settings...)
	}
	if svc.Build.Dockerfile == "" {
		d.own = append(d.own, s.loader.OwnImage...)
	} else {
		img, err := s.image(svc)
		if err != nil {
			return nil, err
		}
		d.image, d.own = img, append(d.own, img.inputs(s.loader.OwnRoots)...)
	}
	canon.SortInputs(d.own)
	return d, nil
}

func (d *description) inputs() iter.Seq[canon.Input] {
	if d.program == nil {
		return slices.Values(d.own)
	}
	return canon.MergeInputs(d.own, d.program.Inputs())
}

// identity is the hash of the inputs. kept remembers it, since most programs are
// what they were, and going through all that they are made of is the dearest part
// of a plan.
func (d *description) identity(kept *memo.Memo) string {
	if d.program == nil {
		return canon.Identity(d.own)
	}
	digest := d.program.Digest()
	key := memo.Key(sha256.Sum256(append([]byte("identity "+canon.Identity(d.own)), digest[:]...)))
	if v, ok := kept.Get(key); ok {
		return string(v)
	}
	identity := canon.SortedIdentity(d.inputs())
	kept.Put(key, []byte(identity))
	return identity
}

// component spells the description out.
func (d *description) component() *Component {
	c := &Component{
		ServiceID: d.service, Inputs: slices.Collect(d.inputs()),
		Dockerfile: d.image.dockerfile, Bases: d.image.bases, Copies: d.image.copies, HasRun: d.image.hasRun,
		Archives: d.image.archives, OwnRoots: d.image.ownRoots,
	}
	if d.program == nil {
		return c
	}
	c.Package, c.ModuleRoot, c.Toolchain = d.program.Package, d.program.ModuleRoot, d.program.Toolchain
	for _, e := range d.program.Files() {
		c.Files = append(c.Files, File{Path: e.Path, Mode: e.Mode, OID: e.OID})
	}
	for _, m := range d.program.Modules() {
		c.Modules = append(c.Modules, moduleOf(m))
	}
	return c
}

func moduleOf(m golang.Module) Module {
	out := Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	if m.Replace != nil {
		by := moduleOf(*m.Replace)
		out.Replace = &by
	}
	return out
}
