package render

import (
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/lane/intent"
)

// Notes are what a person should know of an intent before its render is taken
// for all of it, one line each: declared public entries, which render nothing
// (rule A6), and flows that only one of the two ends allows, which stay denied.
func Notes(in *intent.Intent) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	enabled := map[string]intent.Service{}
	for _, s := range in.EnabledServices() {
		enabled[s.ID] = s
	}
	for _, s := range in.EnabledServices() {
		if s.Ingress != nil {
			note("service %s: the ingress %s is a placeholder and renders nothing until there is a reviewed ingress design", s.ID, s.Ingress.Host)
		}
		for _, f := range s.Network.Egress {
			if peer, ok := enabled[f.Service]; ok && !mentions(peer.Network.Ingress, s.ID) {
				note("service %s: egress to %s stays denied: %s declares no ingress from it", s.ID, peer.ID, peer.ID)
			}
		}
		for _, f := range s.Network.Ingress {
			if peer, ok := enabled[f.Service]; ok && !mentions(peer.Network.Egress, s.ID) {
				note("service %s: ingress from %s stays denied: %s declares no egress to it", s.ID, peer.ID, peer.ID)
			}
		}
	}
	return notes
}

func mentions(flows []intent.Flow, id string) bool {
	return slices.ContainsFunc(flows, func(f intent.Flow) bool { return f.Service == id })
}
