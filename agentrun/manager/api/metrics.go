package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

// Metrics counts what the API does, in a registry of its own. No label holds an id, a
// project or a name.
type Metrics struct {
	Registry *prometheus.Registry

	requests *prometheus.HistogramVec
	events   prometheus.Counter
	readers  prometheus.Gauge
	cut      prometheus.Counter
}

// NewMetrics makes a registry with the process's, the pool's and the queue's figures.
func NewMetrics(s *store.Store) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "agentrun_http_request_duration_seconds", Help: "Time to answer a request, of streams their whole life",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation", "status"}),
		events:  prometheus.NewCounter(prometheus.CounterOpts{Name: "agentrun_events_stored_total", Help: "Events of runners that were stored"}),
		readers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "agentrun_event_readers", Help: "Streams of events that are open"}),
		cut:     prometheus.NewCounter(prometheus.CounterOpts{Name: "agentrun_event_readers_cut_total", Help: "Streams that were cut because nobody read them"}),
	}
	m.Registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.events, m.readers, m.cut,
		poolGauge("agentrun_postgres_connections_in_use", "Connections of the pool that are in use", func() float64 { return float64(s.Pool.Stat().AcquiredConns()) }),
		poolGauge("agentrun_postgres_connections", "Connections of the pool", func() float64 { return float64(s.Pool.Stat().TotalConns()) }),
		&openRuns{s, prometheus.NewDesc("agentrun_runs", "Runs that have not ended, by state", []string{"state"}, nil)},
	)
	return m
}

func poolGauge(name, help string, value func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func (m *Metrics) request(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *Metrics) stored(events int) { m.events.Add(float64(events)) }

// openRuns asks the store each time; while it cannot be asked there is no figure.
type openRuns struct {
	store *store.Store
	desc  *prometheus.Desc
}

// Describe is part of prometheus.Collector.
func (o *openRuns) Describe(ch chan<- *prometheus.Desc) { ch <- o.desc }

// Collect is part of prometheus.Collector.
func (o *openRuns) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	counts, err := o.store.OpenRuns(ctx)
	if err != nil {
		return
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(o.desc, prometheus.GaugeValue, float64(n), string(state))
	}
}
