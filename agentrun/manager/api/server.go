package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Server answers the API. All fields are needed.
type Server struct {
	Store   *store.Store
	Hub     *Hub
	Metrics *Metrics
	Log     *slog.Logger

	// Attempt says whose pod a runner's token is bound to. An error that wraps
	// ErrToken refuses the token; any other is temporary.
	Attempt func(ctx context.Context, token string) (PodIdentity, error)
	// CheckPod agrees that the pod is of that attempt's Job. An error that wraps
	// ErrPod refuses it; any other is temporary.
	CheckPod func(ctx context.Context, pod PodIdentity, attempt store.Attempt) error

	reports *intake
	uploads *intake
}

// The bounds of requests.
const (
	maxBodyBytes = 1 << 20
	requestTime  = 10 * time.Second
	transferTime = run.ArtifactTime // of an upload

	// Bodies of runners as they come. Until it is stored an upload takes three times its
	// bytes, a report up to ten times, and the manager is meant for 256 MiB.
	maxUploadsInHand = run.MaxArtifactBytes
	maxReportsInHand = 2 * maxReportBody
)

// Register adds the API's routes to mux.
func (s *Server) Register(mux *http.ServeMux) {
	s.reports, s.uploads = newIntake(maxReportsInHand), newIntake(maxUploadsInHand)
	api := s.routes(mux)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		data, err := document(api)
		if err != nil {
			panic(err) // it is the same each time, and a test asks for it
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	})
	for _, prefix := range []string{"/v1/", "/runner/"} {
		mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) { noRoute(mux, prefix, w, r) })
	}
}

func (s *Server) routes(mux *http.ServeMux) huma.API {
	api := humago.New(mux, config())
	s.runRoutes(api)
	s.eventRoutes(api)
	s.artifactRoutes(api)
	s.profileRoutes(api)
	s.tokenRoutes(api)
	s.projectRoutes(api)
	s.runnerRoutes(api)
	// Errors are Problems: what the library would have answered is never seen.
	schemas := api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for _, schema := range schemas {
		for _, property := range schema.Properties {
			if property.Type == huma.TypeArray {
				property.Nullable = false // neither answered nor taken
			}
		}
	}
	return api
}

// Document is the OpenAPI document of the API, as JSON that ends in a newline.
func Document() ([]byte, error) {
	return document((&Server{}).routes(http.NewServeMux()))
}

func document(api huma.API) ([]byte, error) {
	data, err := api.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	v := jsontext.Value(data)
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return append(v, '\n'), nil
}

func config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "AgentRun", Version: "1", Description: "Runs of coding agents: submit them, watch them, cancel them, have their results."},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":  {Type: "http", Scheme: "bearer", Description: "A token of POST /v1/tokens, art_…"},
					"runner": {Type: "http", Scheme: "bearer", Description: "The projected ServiceAccount token of a runner's pod"},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": {Marshal: marshal, Unmarshal: unmarshal}, "json": {Marshal: marshal, Unmarshal: unmarshal}},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{asProblem},
	}
}

func marshal(w io.Writer, v any) error { return json.MarshalWrite(w, v, json.Deterministic(true)) }

func unmarshal(data []byte, v any) error {
	return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
}

// register adds one operation. Its handler has requestTime, and its errors become
// Problems. responses are the answers that say no, by status.
func register[I, O any](s *Server, api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Middlewares = append(huma.Middlewares{s.observe}, op.Middlewares...)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem",
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: api.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem"),
		}},
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// observe counts a request, and ends the connection of one that panics.
func (s *Server) observe(ctx huma.Context, next func(huma.Context)) {
	began := time.Now()
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); !ok || !errors.Is(err, context.Canceled) && ctx.Context().Err() == nil {
				s.Log.Error("a request was given up", "operation", ctx.Operation().OperationID, "why", fmt.Sprint(r))
			}
			panic(http.ErrAbortHandler)
		}
	}()
	next(ctx)
	s.Metrics.request(ctx.Operation().OperationID, ctx.Status(), time.Since(began))
}

// noRoute tells a wrong method from a wrong path.
func noRoute(mux *http.ServeMux, prefix string, w http.ResponseWriter, r *http.Request) {
	p := &Problem{Status: http.StatusNotFound, Code: "no_such_endpoint", Detail: "the API has no such path"}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern != prefix {
			p = &Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "the path has other methods"}
			w.Header().Add("Allow", method)
		}
	}
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = marshal(w, p) // the one who asked is gone; there is nobody to tell
}
