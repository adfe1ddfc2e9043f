package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/registry"
)

func (a *app) gcCommand() *cobra.Command {
	g := collector{app: a}
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "List the images that nothing needs, and delete them",
		Long: `gc reads the whole history of every lane's GitOps branch on the remote and lists the
images of the project's services whose digest stands nowhere in it, with size and
age. A digest that any file of any of those commits ever named is kept, so each
rollback stays possible. Kept are also images that a tag names which is no commit,
those whose commit is younger than --keep or unknown, and every other repository,
the toolchain's among them. Age is that of the tag's commit.

--delete deletes exactly the list that --list-hash is of: if anything has changed
since, it is refused. It is refused while any run of the project goes on, so it
needs the cluster: one that has the Pipeline of every lane that is not retired, for
that nothing runs in another cluster says nothing. The registry must let manifests be deleted (2.8.2 does when
storage.delete.enabled is true), and gives the disk back only in its own
"registry garbage-collect". Images that no tag names cannot be listed by a
registry; that collection takes them with -m.
The toolchain's image has a tag, so that it is none of them.`,
		Example: `  lane gc
  lane gc --delete --list-hash sha256:…`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case g.delete != (g.hash != ""):
				return usageError("--delete and --list-hash go together: lane gc prints the hash")
			case g.keep < 0:
				return usageError("--keep is how long, such as 168h")
			}
			return g.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&g.delete, "delete", false, "delete what is listed")
	cmd.Flags().StringVar(&g.hash, "list-hash", "", "the `hash` of the list that was looked at")
	cmd.Flags().DurationVar(&g.keep, "keep", 7*24*time.Hour, "keep images of commits that are younger")
	g.to.registryFlag(cmd)
	g.to.remoteFlag(cmd)
	g.cluster.flags(cmd)
	return cmd
}

// collector finds images that nothing needs.
type collector struct {
	app     *app
	to      target
	cluster cluster
	delete  bool
	hash    string
	keep    time.Duration

	src    *source
	client *registry.Client
	now    time.Time
	doc    garbageDocument
}

// garbageDocument is what `lane gc -o json` prints.
type garbageDocument struct {
	header
	Lanes    []string  `json:"lanes"` // whose histories were read
	ListHash string    `json:"listHash"`
	Bytes    int64     `json:"bytes"` // of the list; layers that images share count each time
	List     []garbage `json:"list"`
	Kept     []kept    `json:"kept"` // unreachable, and kept all the same
	InUse    int       `json:"reachable"`
}

// garbage is an image that no catalog names.
type garbage struct {
	Repository string    `json:"repository"`
	Digest     string    `json:"digest"`
	Tags       []string  `json:"tags"` // full commits, sorted
	Bytes      int64     `json:"bytes"`
	Committed  time.Time `json:"committed"` // the youngest of its commits
}

type kept struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
	Why        string `json:"why"`
}

func (g *collector) run(ctx context.Context) error {
	var err error
	if g.src, err = g.app.source(ctx, "HEAD", ""); err != nil {
		return err
	}
	now, err := clock()
	if err != nil {
		return err
	}
	g.now = now()
	g.client = registry.New(g.src.intent.Registry.Insecure)
	defer g.client.Close()
	var c *kube.Client
	if g.delete {
		if c, err = g.cluster.connect(ctx); err != nil {
			return err
		}
		defer c.Close()
		if err := g.here(ctx, c); err != nil {
			return err
		}
		if err := g.idle(ctx, c); err != nil {
			return err
		}
	}
	if err := g.list(ctx); err != nil {
		return err
	}
	if err := g.app.emit(g.doc, g.tell); err != nil || !g.delete {
		return err
	}
	if g.hash != g.doc.ListHash {
		return &fail.Error{Code: fail.Stale, Where: g.to.registryOf(g.src.intent), Hint: "look at the list above, and give its hash", Err: fmt.Errorf("the list is not the one of %s any more: nothing was deleted", fail.Clean(g.hash, 80))}
	}
	// Between the listing and now a run may have begun that needs what it publishes.
	if err := g.idle(ctx, c); err != nil {
		return err
	}
	for i, o := range g.doc.List {
		ref := registry.Ref{Registry: g.to.registryOf(g.src.intent), Repository: o.Repository}
		gone, err := g.client.DeleteManifest(ctx, ref, o.Digest)
		if err != nil {
			return fmt.Errorf("deleting, after %d of %d images: %w", i, len(g.doc.List), err)
		}
		if gone {
			g.app.note("was gone already: %s", ref.At(o.Digest))
			continue
		}
		g.app.note("deleted %s", ref.At(o.Digest))
	}
	g.app.note("%d images deleted; the registry gives the disk back in its own garbage-collect", len(g.doc.List))
	return nil
}

func (g *collector) tell(w io.Writer) {
	d := &g.doc
	fmt.Fprintf(w, "histories of %v: %d images are named there, %d are not\n", d.Lanes, d.InUse, len(d.List)+len(d.Kept))
	if len(d.List) > 0 {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "\nimage\tdigest\tcommit\tsize\tage")
		for _, o := range d.List {
			fmt.Fprintf(tw, "%s\t%.19s\t%.12s\t%s\t%s\n", o.Repository, o.Digest, o.Tags[0], size(o.Bytes), age(g.now.Sub(o.Committed)))
		}
		tw.Flush()
	}
	for i, k := range d.Kept {
		if i == 0 {
			fmt.Fprintln(w, "\nkept:")
		}
		fmt.Fprintf(w, "  %s@%.19s  %s\n", k.Repository, k.Digest, k.Why)
	}
	if len(d.List) == 0 {
		fmt.Fprintln(w, "nothing to delete")
		return
	}
	fmt.Fprintf(w, "\n%d images of %s at most; delete them with\n  lane gc --delete --list-hash %s\n", len(d.List), size(d.Bytes), d.ListHash)
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// age is a time span for people.
func age(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.Round(time.Hour).String()
}

// hashOf is the hash of what would be deleted: names alone, so that growing older
// changes nothing.
func hashOf(list []garbage) (string, error) {
	type line struct {
		Repository string   `json:"repository"`
		Digest     string   `json:"digest"`
		Tags       []string `json:"tags"`
	}
	lines := []line{}
	for _, o := range list {
		lines = append(lines, line{o.Repository, o.Digest, o.Tags})
	}
	data, err := canon.Marshal(lines)
	if err != nil {
		return "", err
	}
	return canon.Digest(data), nil
}
