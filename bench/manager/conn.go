package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// conn is a connection of one runner or one user. It is written by hand, because what
// the load costs the load takes from what it measures.
type conn struct {
	net.Conn
	in   *bufio.Reader
	head string // of each request, but for its length
	buf  []byte
}

// dial connects to a server; request is such as "POST /v1/runs".
func dial(ctx context.Context, url, request, token, more string) (*conn, error) {
	address := strings.TrimPrefix(url, "http://")
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s", request, address, token, more)
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 4<<10), head: head}, nil
}

// ask sends a body and gives the answer.
func (c *conn) ask(body []byte) (status int, answer []byte, err error) {
	c.buf = fmt.Appendf(c.buf[:0], "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", c.head, len(body))
	c.buf = append(c.buf, body...)
	if _, err := c.Write(c.buf); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// stream asks for a stream and gives its body.
func (c *conn) stream() (io.Reader, error) {
	if _, err := io.WriteString(c, c.head+"\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("a stream: %s", resp.Status)
	}
	return resp.Body, nil
}

// size asks and gives the size of the answer.
func size(req *http.Request) (int, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", resp.Status, data)
	}
	return len(data), err
}
