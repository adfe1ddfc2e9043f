package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// relay is the peer of the live figures: it takes the same requests and serves the same
// streams, by net/http and encoding/json alone. It stores and checks nothing, and knows
// runs by their token.
func relay(ctx context.Context) error {
	var mu sync.Mutex
	streams := map[string]chan []run.Event{} // by run
	stream := func(id string) chan []run.Event {
		mu.Lock()
		defer mu.Unlock()
		if streams[id] == nil {
			streams[id] = make(chan []run.Event, 1000)
		}
		return streams[id]
	}
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the one who asked is gone
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/runs", func(w http.ResponseWriter, r *http.Request) {
		var req run.Request
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, http.StatusCreated, run.Run{ID: uuid.NewString(), Prompt: req.Prompt})
	})
	mux.HandleFunc("POST /runner/v1/events", func(w http.ResponseWriter, r *http.Request) {
		var report run.Report
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		events := make([]run.Event, len(report.Events))
		for i, e := range report.Events {
			events[i] = run.Event{Seq: report.First + int64(i), RunID: id, Attempt: 1, Time: e.Time, Type: e.Type, Data: e.Data}
		}
		stream(id) <- events
		answer(w, http.StatusOK, run.Receipt{NextEvent: report.First + int64(len(events))})
	})
	mux.HandleFunc("GET /v1/runs/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		_ = control.Flush()
		events := stream(r.PathValue("id"))
		for {
			select {
			case <-r.Context().Done():
				return
			case all := <-events:
				for _, e := range all {
					data, err := json.Marshal(e)
					if err != nil {
						return
					}
					fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)
				}
				_ = control.Flush()
			}
		}
	})
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	fmt.Println("http://" + ln.Addr().String())
	if err := srv.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}

// relayPods are runs that the relay serves.
func relayPods(n int) []pod {
	pods := make([]pod, n)
	for i := range pods {
		id := uuid.NewString()
		pods[i] = pod{runID: id, token: id, next: 1}
	}
	return pods
}
