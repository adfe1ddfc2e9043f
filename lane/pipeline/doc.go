// Package pipeline makes the Tekton and Argo CD objects of a lane.
package pipeline
