package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

type eventsInput struct {
	RunParams
	After       int64  `query:"after" minimum:"0" doc:"The number of an event: those after it"`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"Not for streams"`
	Accept      string `header:"Accept" doc:"text/event-stream for a live stream"`
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"For streams: as after, and before it"`
}

type eventPage struct {
	Events []run.Event `json:"events"`
	Last   int64       `json:"last" doc:"The number of the last event of the page: after of the next one"`
	Ended  bool        `json:"ended" doc:"The run has ended and nothing comes after last"`
}

func (s *Server) eventRoutes(api huma.API) {
	page := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[eventPage](), true, "EventPage")
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "get-events", Method: http.MethodGet, Path: "/v1/runs/{id}/events", Tags: []string{"events"},
		Summary: "The events of a run, by page or live",
		Description: "As text/event-stream each event has its number as id, its type as event and the event as data. " +
			"The stream ends with an event of type end after the last one of the run.",
		Responses: map[string]*huma.Response{"200": {Description: "A page, or a stream", Content: map[string]*huma.MediaType{
			"application/json":  {Schema: page},
			"text/event-stream": {Schema: &huma.Schema{Type: "string"}},
		}}},
	}, store.ReadRuns), s.events)
}

func (s *Server) events(ctx context.Context, in *eventsInput) (*stream, error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(in.Accept, "text/event-stream") {
		p, err := s.Store.Events(ctx, project, in.ID, in.After, in.Limit)
		if err != nil {
			return nil, err
		}
		return &stream{func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "application/json")
			ctx.SetHeader("Cache-Control", "no-store")
			ctx.SetStatus(http.StatusOK)
			_ = marshal(ctx.BodyWriter(), eventPage{p.Events, p.Last, p.Ended}) // the one who asked is gone; there is nobody to tell
		}}, nil
	}
	after := in.After
	if in.LastEventID != "" {
		if after, err = parseEventID(in.LastEventID); err != nil {
			return nil, err
		}
	}
	if _, err := s.Store.Get(ctx, project, in.ID); err != nil {
		return nil, err
	}
	token, _ := ctx.Value(callerKey{}).(store.Token)
	return &stream{func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		ctx.SetHeader("Content-Type", "text/event-stream")
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("X-Accel-Buffering", "no") // for proxies that would wait for more
		ctx.SetStatus(http.StatusOK)
		s.Metrics.readers.Inc()
		defer s.Metrics.readers.Dec()
		over, leave := s.Hub.using(token.ID)
		defer leave()
		r := &reader{hub: s.Hub, over: over, runID: in.ID, seq: after, w: w, control: http.NewResponseController(w)}
		if err := r.read(ctx.Context()); err != nil {
			s.Metrics.cut.Inc()
		}
	}}, nil
}

func parseEventID(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, invalid("header.Last-Event-ID", "is not the number of an event")
	}
	return n, nil
}
