package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/opening"
)

// lanesDocument is what `lane diff --lanes -o json` prints.
type lanesDocument struct {
	header
	Lanes    [2]lanePoint  `json:"lanes"`
	Services []servicePair `json:"services"`
	Objects  diff.Diff     `json:"objects"` // with the first lane's names in the place of the second's
}

type lanePoint struct {
	Lane           string `json:"lane"`
	SourceCommitID string `json:"sourceCommitId"`
	GitopsCommitID string `json:"gitopsCommitId"`
}

// servicePair is one service in both lanes.
type servicePair struct {
	ServiceID string    `json:"serviceId"`
	Image     string    `json:"image"`   // same, different, only in the first, only in the second
	Digests   [2]string `json:"digests"` // "" where there is none
	Commits   [2]string `json:"sourceCommitIds"`
}

// diffLanes compares what two lanes have promoted, service by service and object by
// object. Names of the lanes themselves are no difference.
func (a *app) diffLanes(ctx context.Context, to *target, first, second string) error {
	if first == second {
		return usageError("--lanes: name two lanes")
	}
	here, err := a.source(ctx, "HEAD", "")
	if err != nil {
		return err
	}
	doc := lanesDocument{header: headerOf("LaneDiff"), Services: []servicePair{}}
	var catalogs [2]*catalog.Catalog
	var manifests [2]map[string][]byte
	var sources [2]source
	for i, lane := range []string{first, second} {
		n, err := here.intent.NamesOf(lane)
		if err != nil {
			return err
		}
		sources[i] = *here
		sources[i].names = n
		b, err := a.branch(&sources[i], to)
		if err != nil {
			return err
		}
		head, files, err := b.Content(ctx)
		if err != nil {
			return err
		}
		catalogs[i], manifests[i] = head.Catalog, sources[i].manifests(files)
		doc.Lanes[i] = lanePoint{lane, head.Catalog.SourceCommitID, head.Commit}
	}
	doc.Services = pairs(catalogs)
	renamed := map[string][]byte{}
	for path, data := range manifests[1] {
		path = sources[0].names.RuntimePath + strings.TrimPrefix(path, sources[1].names.RuntimePath)
		data = opening.Rename(sources[1].names, sources[0].names, data)
		// The lane's label and what services learn of it are the version alone.
		renamed[path] = opening.RenameLane(sources[1].names, sources[0].names, data)
	}
	if doc.Objects, err = diff.Objects(manifests[0], renamed); err != nil {
		return err
	}
	if err := a.emit(doc, func(w io.Writer) { a.writeLanes(w, doc) }); err != nil {
		return err
	}
	different := slices.ContainsFunc(doc.Services, func(p servicePair) bool { return p.Image != "same" })
	if !different && len(doc.Objects.Objects)+len(doc.Objects.Problems) == 0 {
		return nil
	}
	return &fail.Error{Code: fail.Differs, Err: fmt.Errorf("lane %s and lane %s differ", first, second), Hint: "the list above says in what"}
}

// pairs puts the services of two catalogs side by side.
func pairs(c [2]*catalog.Catalog) []servicePair {
	ids := map[string]bool{}
	for i := range c {
		for _, s := range c[i].Services {
			ids[s.ServiceID] = true
		}
	}
	all := []servicePair{}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		p := servicePair{ServiceID: id}
		for i := range c {
			s, _ := c[i].Service(id)
			p.Digests[i], p.Commits[i] = s.Image.Digest, s.SourceCommitID
		}
		switch {
		case p.Digests[1] == "":
			p.Image = "only in the first"
		case p.Digests[0] == "":
			p.Image = "only in the second"
		case p.Digests[0] == p.Digests[1]:
			p.Image = "same"
		default:
			p.Image = "different"
		}
		all = append(all, p)
	}
	return all
}

func (a *app) writeLanes(w io.Writer, d lanesDocument) {
	for _, l := range d.Lanes {
		fmt.Fprintf(w, "%s at %.12s, by %.12s\n", l.Lane, l.SourceCommitID, l.GitopsCommitID)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\nservice\timage\t%s\t%s\n", d.Lanes[0].Lane, d.Lanes[1].Lane)
	for _, p := range d.Services {
		fmt.Fprintf(tw, "%s\t%s\t%.19s\t%.19s\n", p.ServiceID, p.Image, p.Digests[0], p.Digests[1])
	}
	tw.Flush()
	fmt.Fprintln(w)
	a.writeDiff(w, d.Objects)
}
