package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/pikasTech/agentrun/agentrun/manager/download"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

type artifactList struct {
	Artifacts []run.Artifact `json:"artifacts"`
}

type artifactInput struct {
	RunParams
	Name    string `path:"name"`
	Attempt int    `query:"attempt" minimum:"1" maximum:"100" doc:"The last one that has it when it is not given"`
	IfNone  string `header:"If-None-Match" maxLength:"200"`
}

// stream answers by itself.
type stream struct{ Body func(huma.Context) }

func (s *Server) artifactRoutes(api huma.API) {
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "list-artifacts", Method: http.MethodGet, Path: "/v1/runs/{id}/artifacts", Tags: []string{"artifacts"}, Summary: "The files that a run left",
	}, store.ReadRuns), func(ctx context.Context, in *RunParams) (*body[artifactList], error) {
		project, err := projectOf(ctx, in.ProjectParam)
		if err != nil {
			return nil, err
		}
		all, err := s.Store.Artifacts(ctx, project, in.ID)
		return &body[artifactList]{artifactList{all}}, err
	})
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "get-artifact", Method: http.MethodGet, Path: "/v1/runs/{id}/artifacts/{name}", Tags: []string{"artifacts"},
		Summary: "One file", Description: "Its ETag is its sha256.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The bytes", Content: map[string]*huma.MediaType{"application/octet-stream": {}}},
			"304": {Description: "It is what If-None-Match says"},
		},
	}, store.ReadRuns), s.artifact)
}

func (s *Server) artifact(ctx context.Context, in *artifactInput) (*stream, error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	if !run.IsArtifactName(in.Name) {
		return nil, store.ErrNotFound
	}
	a, err := s.Store.Artifact(ctx, project, in.ID, in.Name, in.Attempt)
	if err != nil {
		return nil, err
	}
	etag := strconv.Quote(a.SHA256)
	if in.IfNone == etag {
		return &stream{func(ctx huma.Context) {
			ctx.SetHeader("ETag", etag)
			ctx.SetStatus(http.StatusNotModified)
		}}, nil
	}
	file, err := download.Open(ctx, s.Store, in.ID, a)
	if err != nil {
		return nil, err
	}
	return &stream{func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		// What an agent wrote is never shown by a browser in the manager's name.
		ctx.SetHeader("Content-Type", a.MediaType)
		ctx.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
		ctx.SetHeader("X-Content-Type-Options", "nosniff")
		ctx.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
		ctx.SetHeader("ETag", etag)
		ctx.SetHeader("Content-Length", strconv.FormatInt(a.Bytes, 10))
		ctx.SetStatus(http.StatusOK)
		if err := file.Send(ctx.Context(), w); err != nil {
			s.Log.Info("a download was cut off", "error", err.Error())
		}
	}}, nil
}

// Upload is the body of a request that is read into exactly the memory it needs.
type Upload struct {
	ctx huma.Context
}

// Resolve keeps the request for read.
func (u *Upload) Resolve(ctx huma.Context) []error {
	u.ctx = ctx
	return nil
}

// read gives the body, which must say its length, and a function that gives its
// memory back.
func (s *Server) read(ctx context.Context, u *Upload) ([]byte, func(), error) {
	r, w := humago.Unwrap(u.ctx)
	if r.ContentLength < 0 {
		return nil, nil, refuse(http.StatusLengthRequired, "length_required", "an artifact's length must be said first")
	}
	if r.ContentLength > run.MaxArtifactBytes {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("an artifact has up to %d bytes", run.MaxArtifactBytes))
	}
	release, ok := s.uploads.enter(ctx, turn{u.ctx.Operation().OperationID, runnerOf(ctx).pod}, r.ContentLength)
	if !ok {
		return nil, nil, unavailable()
	}
	deadline := time.Now().Add(transferTime)
	_ = http.NewResponseController(w).SetReadDeadline(deadline)                   // every server of net/http can
	_ = http.NewResponseController(w).SetWriteDeadline(deadline.Add(requestTime)) // likewise
	content := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, content); err != nil {
		release()
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, nil, refuse(http.StatusBadRequest, "bad_request", "the body is shorter than it said")
		}
		return nil, nil, refuse(http.StatusRequestTimeout, "too_slow", "the body did not come in time")
	}
	return content, release, nil
}
