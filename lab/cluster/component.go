package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/lab/process"
)

// component is one daemon of the lab.
type component struct {
	spec process.Spec
	// ready is a URL that answers 200, or host:port or a socket's path that
	// accepts a connection.
	ready []string
}

// components are all daemons in the order in which they are started.
func (l *Lab) components() []component {
	var all []component
	for _, part := range [][]component{l.basics(), l.kubernetes(), l.controllers()} {
		all = append(all, part...)
	}
	ns := l.Namespace()
	for i := range all {
		if all[i].spec.Name != hostName { // which enters by itself
			all[i].spec.Namespace = &ns
		}
		if all[i].spec.Home == "" {
			all[i].spec.Home = l.path("run")
		}
	}
	return all
}

func (l *Lab) component(name string) (component, error) {
	var names []string
	for _, c := range l.components() {
		if c.spec.Name == name {
			return c, nil
		}
		names = append(names, c.spec.Name)
	}
	return component{}, fmt.Errorf("there is no component %q; there are %s", name, strings.Join(names, ", "))
}

// start starts components, unless they run.
func (l *Lab) start(names ...string) error {
	table := l.table()
	for _, name := range names {
		c, err := l.component(name)
		if err != nil {
			return err
		}
		if table.Get(name).Alive() {
			continue
		}
		if err := table.Start(c.spec); err != nil {
			return err
		}
	}
	return nil
}

// await waits until a component is ready, or has ended, or ctx ends.
func (l *Lab) await(ctx context.Context, name string) error {
	c, err := l.component(name)
	if err != nil {
		return err
	}
	return poll(ctx, "waiting for "+name, func() error {
		if !l.table().Get(name).Alive() {
			return &ended{fmt.Errorf("%s has ended: %s (see %s)", name, lastLine(l.Log(name)), l.Log(name))}
		}
		return l.check(ctx, c)
	})
}

// ended is an error that waiting does not help against.
type ended struct{ error }

// poll calls try until it gives nil, and says why it did not when ctx ends.
func poll(ctx context.Context, doing string, try func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if _, over := errors.AsType[*ended](err); over {
			return fmt.Errorf("%s: %w", doing, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; last: %w", doing, context.Cause(ctx), err)
		}
	}
}

// check asks a component once whether it is ready.
func (l *Lab) check(ctx context.Context, c component) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, target := range c.ready {
		var err error
		switch {
		case strings.HasPrefix(target, "http"):
			err = l.get(ctx, target)
		case strings.HasPrefix(target, "/"):
			err = connect(new(net.Dialer).DialContext(ctx, "unix", target))
		default:
			err = connect(l.Dial(ctx, "tcp", target))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func connect(conn net.Conn, err error) error {
	if err != nil {
		return err
	}
	return conn.Close()
}

// get asks for a page of a component. Certificates are not looked at: most
// components sign their own for this.
func (l *Lab) get(ctx context.Context, url string) error {
	transport := l.Transport()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
		return fmt.Errorf("%s answers %s: %s", url, answer.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
