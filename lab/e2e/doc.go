// Package e2e carries commits of this repository through a version lane on a real
// Kubernetes node with Tekton and Argo CD, the lab, and looks at what happens when
// things go well, go wrong, or are meddled with.
//
//	LAB_E2E=1 go test -timeout 90m ./e2e
//
// It needs root, the programs lane, agentrun and model, and the toolchain's image:
// LAB_LANE, LAB_AGENTRUN, LAB_MODEL and LAB_TOOLCHAIN say where they are, `make programs
// toolchain` makes them where they are looked for. A lab that is up is used and left up; otherwise one is brought
// up and down again, unless LAB_KEEP=1. Without LAB_E2E=1 the tests are skipped;
// under CI=true that is a failure.
//
// A test that carries rules is named after them. Every test can be run alone and leaves
// the lane accepted. The figures of all releases are printed at the end.
package e2e
