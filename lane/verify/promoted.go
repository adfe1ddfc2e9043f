package verify

import (
	"github.com/pikasTech/agentrun/lane/promote"
)

// promoted is rule I10. The run itself decides; once Tekton has forgotten it, the
// signed trailers do. Commits that changed the lane's metadata alone are passed over:
// what they stand on promoted.
func (j *judge) promoted(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	j.held(o, g)
	seen := g.Promotion()
	if !seen.Found {
		o.cannot("the commit that promoted, below "+g.Commit, seen.Gap)
		return
	}
	p := seen.Value
	for _, why := range p.Against {
		o.against("commit "+g.Commit, "%s", why)
	}
	if p.Commit != g.Commit {
		o.note("commit "+g.Commit, "it changed the lane's metadata alone; %.12s promoted", p.Commit)
	}
	j.trailers(o, g, p)
	j.restored(o, g, p)
	j.restarted(o, g)
	if sig := p.Signature; sig.Found && sig.Value.State == Bad {
		o.differ("commit "+p.Commit, "signature", sig.Value.Why, "by a signer of the intent")
	}
	j.proven(o, g, p)
}

// proven is what proves that a run of the lane made the promotion.
func (j *judge) proven(o *opinion, g Gitops, p Promotion) {
	name, run, sig := p.trailer(promote.TrailerRun), j.Tekton.Run, p.Signature
	switch {
	case name == "":
		o.cannot("commit "+p.Commit, Gap{Why: "it names no PipelineRun: it was made by init, or outside a pipeline"})
	case run.Found:
		j.ran(o, run.Value, g, p)
	case run.Gap.Cause != Absent:
		if sig.Found && sig.Value.State == Signed {
			o.match("commit "+p.Commit, "signature", "by "+sig.Value.By)
		}
		o.cannot("PipelineRun "+name, run.Gap)
	case !sig.Found:
		o.cannot("PipelineRun "+name+" is forgotten, and the signature of its commit", sig.Gap)
	case sig.Value.State == Signed:
		o.match("commit "+p.Commit, "signature", "by "+sig.Value.By)
		o.match("commit "+p.Commit, promote.TrailerRun, name+", which Tekton has forgotten")
	case sig.Value.State == Unsigned:
		o.cannot("PipelineRun "+name, Gap{Why: "Tekton has forgotten it, and its commit is not signed", Hint: "name the signer's key in ci.signers and release again"})
	}
}

// ran is what the run proves that the commit names. One that did not succeed, as when
// its promote step died right after the push, proves nothing by itself. Then another run
// of the same commit may, that succeeded and came to this very content: it ended at this
// commit of the branch, with nothing to change. Where promotions are signed, this one
// has to be: a commit of a hand may name a run that failed.
func (j *judge) ran(o *opinion, run Object, g Gitops, p Promotion) {
	if !succeeded(run) && j.signedAsItShould(p) {
		for _, other := range j.siblings(run) {
			if !succeeded(other) {
				continue
			}
			its := &opinion{}
			if j.run(its, other, g, p); its.state() == Matched {
				o.note(run.ID(), "it made the promotion and did not succeed: %s; %s, which did, came to the same content", reason(run), other.Name())
				o.seen = append(o.seen, its.seen...)
				return
			}
		}
	}
	o.equal(run.ID(), "metadata.name", run.Name(), p.trailer(promote.TrailerRun))
	j.run(o, run, g, p)
}

// signedAsItShould reports whether the promotion is signed, or nobody signs.
func (j *judge) signedAsItShould(p Promotion) bool {
	in, sig := j.Release.Intent, p.Signature
	return in.Found && len(in.Value.CI.Signers) == 0 || sig.Found && sig.Value.State == Signed
}

// trailers compares the promotion's message with the branch's content.
func (j *judge) trailers(o *opinion, g Gitops, p Promotion) {
	id := "commit " + p.Commit
	o.equal(id, promote.TrailerSource, p.trailer(promote.TrailerSource), g.Catalog.SourceCommitID)
	o.equal(id, promote.TrailerIntent, p.trailer(promote.TrailerIntent), g.Catalog.IntentDigest)
	o.equal(id, promote.TrailerRender, p.trailer(promote.TrailerRender), g.Catalog.RenderDigest)
}

// restored judges the promotion that a rollback brings back: the branch has its bytes,
// so what proved its images then proves them now. Its publish task ran then, and
// rules F3 and H4 ask the registry today.
func (j *judge) restored(o *opinion, g Gitops, p Promotion) {
	back := p.trailer(promote.TrailerRollback)
	if back == "" {
		return
	}
	id := "commit " + back
	if !g.Restored.Found {
		o.cannot(id+", which the rollback brings back", g.Restored.Gap)
		return
	}
	then := g.Restored.Value
	for _, why := range then.Against {
		o.against(id, "%s", why)
	}
	o.equal(id, promote.TrailerSource, then.trailer(promote.TrailerSource), g.Catalog.SourceCommitID)
	switch sig := then.Signature; {
	case !sig.Found:
		o.cannot("the signature of "+id, sig.Gap)
	case sig.Value.State == Bad:
		o.differ(id, "signature", sig.Value.Why, "by a signer of the intent")
	case sig.Value.State == Signed:
		o.match(id, "signature", "by "+sig.Value.By)
	default:
		o.note(id, "nobody signed what the rollback brings back: rules F3 and H4 alone prove its images")
	}
}
