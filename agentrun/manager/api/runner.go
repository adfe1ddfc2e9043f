package api

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

type reportInput struct{ Body run.Report }

type endingInput struct{ Body run.Ending }

type uploadInput struct {
	Upload
	Name string `path:"name"`
	Type string `header:"Content-Type" maxLength:"128"`
}

const maxReportBody = run.MaxReportBytes + 1

func (s *Server) runnerRoutes(api huma.API) {
	tags := []string{"runner"}
	register(s, api, s.forRunners(api, huma.Operation{
		OperationID: "claim", Method: http.MethodPost, Path: "/runner/v1/claim", Tags: tags,
		Summary: "What the attempt has to do", Description: "The same pod may claim again. 503 until the attempt's Job is known.",
	}), s.claim)
	register(s, api, s.bounded(api, s.forRunners(api, huma.Operation{
		OperationID: "report", Method: http.MethodPost, Path: "/runner/v1/events", Tags: tags, MaxBodyBytes: maxReportBody,
		SkipValidateBody: true, // Report.Check does, and decoding is strict: this is where most of the bytes come in
		Summary:          "Report events", Description: "What is stored already is left out. 409 event_gap says which event must come next. One at a time: 503 while another of the pod is under way.",
	})), s.report)
	register(s, api, s.forRunners(api, huma.Operation{
		OperationID: "heartbeat", Method: http.MethodPost, Path: "/runner/v1/heartbeat", Tags: tags, Summary: "A sign of life",
	}), func(ctx context.Context, _ *struct{}) (*body[run.Receipt], error) {
		r := runnerOf(ctx)
		receipt, err := s.Store.Heartbeat(ctx, r.runID, r.attempt, r.pod.PodUID)
		return &body[run.Receipt]{receipt}, err
	})
	register(s, api, s.forRunners(api, huma.Operation{
		OperationID: "put-artifact", Method: http.MethodPut, Path: "/runner/v1/artifacts/{name}", Tags: tags,
		Summary: "Store a file of the attempt", Description: "The same content again changes nothing. One at a time: 503 while another of the pod is under way.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {}}},
	}), s.putArtifact)
	register(s, api, s.bounded(api, s.forRunners(api, huma.Operation{
		OperationID: "finish", Method: http.MethodPost, Path: "/runner/v1/finish", Tags: tags, MaxBodyBytes: maxBodyBytes + 1,
		Summary: "How the attempt ended", Description: "The first word counts; said again it is answered in the same way.",
	})), func(ctx context.Context, in *endingInput) (*body[run.Receipt], error) {
		if err := flawed(in.Body.Check()); err != nil {
			return nil, err
		}
		r := runnerOf(ctx)
		receipt, err := s.Store.Finish(ctx, r.runID, r.attempt, r.pod.PodUID, in.Body)
		return &body[run.Receipt]{receipt}, superseded(err)
	})
}

func (s *Server) claim(ctx context.Context, _ *struct{}) (*body[run.Assignment], error) {
	r := runnerOf(ctx)
	attempt, err := s.Store.Attempt(ctx, r.runID, r.attempt)
	if err != nil {
		return nil, superseded(err)
	}
	if attempt.PodUID != r.pod.PodUID { // else it was checked before
		if attempt.JobUID == "" {
			return nil, unavailable()
		}
		err := s.CheckPod(ctx, r.pod, attempt)
		if errors.Is(err, ErrPod) {
			return nil, refuse(http.StatusForbidden, "not_a_runner", "the pod is not one of the attempt's Job")
		}
		if err != nil {
			s.Log.Warn("a runner's pod could not be checked", "error", err.Error())
			return nil, unavailable()
		}
	}
	a, err := s.Store.Claim(ctx, r.runID, r.attempt, r.pod.PodUID)
	return &body[run.Assignment]{a}, superseded(err)
}

func (s *Server) report(ctx context.Context, in *reportInput) (*body[run.Receipt], error) {
	if err := flawed(in.Body.Check()); err != nil {
		return nil, err
	}
	r := runnerOf(ctx)
	receipt, stored, err := s.Store.Append(ctx, r.runID, r.attempt, r.pod.PodUID, in.Body)
	if err != nil {
		s.Hub.Changed(r.runID) // it may have happened although the answer is lost
		return nil, superseded(err)
	}
	s.Hub.Stored(r.runID, stored)
	s.Metrics.stored(len(stored))
	return &body[run.Receipt]{receipt}, nil
}

func (s *Server) putArtifact(ctx context.Context, in *uploadInput) (*body[run.Artifact], error) {
	if !run.IsArtifactName(in.Name) {
		return nil, invalid("path.name", "is not letters, digits, '.', '_' and '-', up to 128")
	}
	about := run.Artifact{Name: in.Name, MediaType: "application/octet-stream"}
	if kind, params, err := mime.ParseMediaType(in.Type); err == nil {
		about.MediaType = mime.FormatMediaType(kind, params)
	} else if in.Type != "" {
		return nil, invalid("header.Content-Type", "is not a media type")
	}
	content, release, err := s.read(ctx, &in.Upload)
	if err != nil {
		return nil, err
	}
	defer release()
	// The time that it took to come is not the store's.
	ctx, cancel := context.WithTimeout(in.ctx.Context(), requestTime)
	defer cancel()
	r := runnerOf(ctx)
	a, stored, err := s.Store.PutArtifact(ctx, r.runID, r.attempt, r.pod.PodUID, about, content)
	if err != nil {
		s.Hub.Changed(r.runID)
		return nil, superseded(err)
	}
	s.Hub.Stored(r.runID, stored)
	return &body[run.Artifact]{a}, nil
}

// superseded makes an attempt that does not exist one that has been given up: to its
// runner that is the same.
func superseded(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return run.ErrSuperseded
	}
	return err
}
