package secrets

import "github.com/pikasTech/agentrun/lane/intent"

// Readers are the enabled services whose pods stay and read a Secret of the runtime
// namespace when they start, so that they go on with old values until they are
// replaced. A Job reads it anew each time, and a pod of a run mounts it anew.
func Readers(in *intent.Intent, name string) []string {
	var all []string
	for _, s := range in.EnabledServices() {
		reads := s.Home != nil && s.Home.SecretRef.Name == name
		for _, e := range s.Env {
			reads = reads || e.SecretRef != nil && e.SecretRef.Name == name
		}
		if reads && s.Kind == intent.Deployment {
			all = append(all, s.ID)
		}
	}
	return all
}
