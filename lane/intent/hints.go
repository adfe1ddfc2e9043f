package intent

import (
	"regexp"
	"strings"
)

// fieldHint says what to write instead of a field that there is not.
type fieldHint struct {
	rule, hint string
}

// notFields are what people look for in an intent and why it is not there, by
// the field's name in lower case.
var notFields = func() map[string]fieldHint {
	public := fieldHint{"A6", "nothing of a lane is reachable from outside; write `ingress` as a placeholder, which renders nothing until a design is reviewed"}
	release := fieldHint{"D2", "remove it: a release finds it out and the catalog on the GitOps branch records it"}
	secret := fieldHint{"D2", "declare the Secret's name and keys in `secretRefs` and refer to them; values go straight to the cluster"}
	derived := fieldHint{"A1", "remove it: it follows from project, lane and cluster, see `lane names`"}
	network := fieldHint{"B2", "remove it: pods of the pipeline always use the host's network, pods of the lane never do"}
	hints := map[string]fieldHint{}
	for _, g := range []struct {
		hint   fieldHint
		fields string
	}{
		{public, "nodePort nodePorts hostPort hostIP externalIPs externalName loadBalancer loadBalancerIP loadBalancerClass loadBalancerSourceRanges type serviceType clusterIP podIP ip expose portForward externalTrafficPolicy"},
		{network, "hostNetwork dnsPolicy hostPID hostIPC"},
		{release, "image images imageTag imageDigest tag tags digest digests published publishStatus publishState status reused reuse reuseEvidence pipelineRun pipelineRunId taskRun taskRunId commit commitId sourceCommit sourceCommitId revision gitopsRevision argoRevision syncRevision componentIdentity identity renderDigest intentDigest mediaType manifest manifests"},
		{secret, "secret secrets secretValue password passwd token accessToken refreshToken apiKey privateKey sshKey kubeconfig credentials credential dsn auth username"},
		{derived, "namespace namespaces runtimeNamespace branch sourceBranch gitopsBranch catalog artifactCatalog runtimePath pipeline pipelineName worktree sourceWorktree appProject application argo argocd database tektonServiceAccount"},
	} {
		for name := range strings.FieldsSeq(g.fields) {
			hints[strings.ToLower(name)] = g.hint
		}
	}
	return hints
}()

// speakable is a key that a finding may repeat.
var speakable = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_.$/-]{0,39}$`)

// shape reports unknown and missing fields and nulls.
func (v *validator) shape(faults []fault) {
	for _, f := range faults {
		at := f.at.pointer()
		switch f.kind {
		case missingField:
			v.add(at, "D2", "add it; `lane schema intent` describes it", "the field %q is missing", f.field)
			v.settled[member(at, f.field)] = true
		case nullValue:
			v.settle(at, "D2", "leave the field out, or give it a value", "null says nothing")
		case unknownField:
			name := "a key that is no field's name"
			if speakable.MatchString(f.field) && !v.withheld[f.field] {
				name = "unknown field \"" + f.field + "\""
			} else {
				v.withheld[f.field] = true
			}
			h, ok := notFields[strings.ToLower(f.field)]
			if !ok || f.field == "type" && !strings.HasPrefix(string(at), "/services/") {
				h = fieldHint{"D2", "remove it, or see `lane schema intent` for the fields there are"}
			}
			v.add(at, h.rule, h.hint, "%s", name)
		}
	}
}
