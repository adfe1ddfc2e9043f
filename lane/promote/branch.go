package promote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
)

// Branch is the GitOps branch of one lane.
type Branch struct {
	Names  names.Names
	Remote git.Remote // the repository that has the branch
	// Cache is a folder for bare repositories; it is created. Processes may
	// share it: they wait for each other. It may be deleted at any time that none
	// is using it.
	Cache  string
	Source Source           // not needed for reading
	Now    func() time.Time // the commits' date; not needed for reading
}

// Head is the GitOps branch as it was read.
type Head struct {
	Commit  string           // full id
	Catalog *catalog.Catalog // as it stands there
	Files   []git.Entry      // every file, sorted by path

	hold    *metadata.Hold
	holdErr error
}

// Hold is the lane's hold, live or not; nil when there is none. One that cannot be
// read is refused by rule C3.
func (h *Head) Hold() (*metadata.Hold, error) { return h.hold, h.holdErr }

// Head reads the branch from the remote. A missing branch and a missing or
// unreadable catalog are refused by rule C5, a tag of the branch's name by A1.
func (b Branch) Head(ctx context.Context) (*Head, error) {
	var head *Head
	err := b.withCache(ctx, func(c *cache) (err error) {
		head, err = c.fetch(ctx, "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the GitOps branch: %w", err)
	}
	return head, nil
}

// Content is Head with the content of each file by its path. Symbolic links and
// submodules, which only a hand can have put there, have none.
func (b Branch) Content(ctx context.Context) (*Head, map[string][]byte, error) {
	head, content, _, err := b.Look(ctx, "")
	return head, content, err
}

// Ask asks the remote where the branch is, and in the same question where others are,
// full refs. What the remote does not have is "" and no error. A tag of the branch's name
// is refused by rule A1, and what was asked for is told nevertheless.
func (b Branch) Ask(ctx context.Context, others ...string) (head string, refs map[string]string, err error) {
	tag := "refs/tags/" + b.Names.GitopsBranch
	refs, err = b.Remote.LsRemote(ctx, append(others, b.Names.GitopsRef(), tag)...)
	if err == nil && refs[tag] != "" {
		err = fail.Refuse("A1", b.Remote.String()+" "+tag, "delete or rename the tag",
			"a tag has the name of the GitOps branch: Argo CD may take it for the branch")
	}
	return refs[b.Names.GitopsRef()], refs, err
}

// Look is Content with the commit itself: its message and signature. Nothing of it
// is verified. told is where Ask said a moment ago that the branch is; "" asks again.
func (b Branch) Look(ctx context.Context, told string) (*Head, map[string][]byte, git.Commit, error) {
	return b.look(ctx, told, everything)
}

func everything(string) bool { return true }

// Records is Look with the content of the lane's metadata alone.
func (b Branch) Records(ctx context.Context, told string) (*Head, map[string][]byte, git.Commit, error) {
	return b.look(ctx, told, func(path string) bool { return strings.HasPrefix(path, b.Names.Metadata()+"/") })
}

func (b Branch) look(ctx context.Context, told string, wanted func(path string) bool) (*Head, map[string][]byte, git.Commit, error) {
	var head *Head
	var commit git.Commit
	content := map[string][]byte{}
	err := b.withCache(ctx, func(c *cache) (err error) {
		for {
			if head, err = c.fetch(ctx, told); err != nil {
				return err
			}
			if commit, err = c.readFiles(ctx, head, wanted, content); err == nil || c.renewed || ctx.Err() != nil {
				return err
			}
			if err = c.renew(ctx); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, nil, git.Commit{}, fmt.Errorf("reading the GitOps branch: %w", err)
	}
	return head, content, commit, nil
}

// readFiles fills content with those files of head that are wanted, and reads its commit.
func (c *cache) readFiles(ctx context.Context, head *Head, wanted func(path string) bool, content map[string][]byte) (git.Commit, error) {
	var paths, ids []string
	for _, e := range head.Files {
		if wanted(e.Path) && (e.Mode == git.ModeFile || e.Mode == git.ModeExecutable) {
			paths, ids = append(paths, e.Path), append(ids, e.OID)
		}
	}
	blobs, err := c.repo.Blobs(ctx)
	if err != nil {
		return git.Commit{}, err
	}
	defer blobs.Close()
	err = blobs.ReadAll(ids, maxFile, func(i int, data []byte) error {
		content[paths[i]] = data
		return nil
	})
	if err != nil {
		return git.Commit{}, err
	}
	return blobs.Commit(head.Commit)
}

// maxFile bounds a file of the branch, in bytes. The catalog, the largest, is
// bounded by its own package.
const maxFile = 32 << 20

// where names the branch in errors.
func (b Branch) where() string { return b.Remote.String() + " " + b.Names.GitopsRef() }

// missing is the refusal of a branch that is not there.
func (b Branch) missing() error {
	return fail.Refuse("C5", b.where(), "make it with lane init, which alone may",
		"the GitOps branch does not exist")
}

// read reads the commit of the branch from repo.
func (b Branch) read(ctx context.Context, repo *git.Repo, commit string) (*Head, error) {
	blobs, err := repo.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	head := &Head{Commit: commit}
	if head.Files, err = blobs.Tree(commit); err != nil {
		return nil, err
	}
	path := b.Names.ArtifactCatalog
	where := b.where() + ":" + path
	e, ok := find(head.Files, path)
	if !ok || e.Mode != git.ModeFile {
		return nil, fail.Refuse("C5", where, "restore the branch to a commit that lane made",
			"the GitOps branch at %.12s has no catalog", commit)
	}
	data, err := blobs.Read(e.OID, maxFile)
	if err != nil {
		return nil, err
	}
	if head.Catalog, err = catalog.Parse(where, data, b.Names); err != nil {
		return head, err
	}
	hold := metadata.HoldPath(b.Names)
	if e, ok := find(head.Files, hold); ok && e.Mode == git.ModeFile {
		if data, err = blobs.Read(e.OID, maxFile); err != nil {
			return nil, err
		}
		head.hold, head.holdErr = metadata.ParseHold(b.where()+":"+hold, data, b.Names)
	}
	return head, nil
}

// find is the file at path, of files that are sorted.
func find(files []git.Entry, path string) (git.Entry, bool) {
	i, ok := slices.BinarySearchFunc(files, path, func(e git.Entry, path string) int { return strings.Compare(e.Path, path) })
	if !ok {
		return git.Entry{}, false
	}
	return files[i], true
}

// isMetadata reports whether path is the lane's metadata, which promotions carry.
// Whatever else lies beside it goes with the next one.
func (b Branch) isMetadata(path string) bool { return metadata.Is(b.Names, path) }
