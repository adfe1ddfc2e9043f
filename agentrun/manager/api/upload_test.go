package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// late is nothing, after a while.
type late time.Duration

func (l late) Read([]byte) (int, error) {
	time.Sleep(time.Duration(l))
	return 0, io.EOF
}

// A file may take longer to come than a request may take without it.
func TestAFileThatComesSlowly(t *testing.T) {
	t.Parallel() // it waits
	r := start(t)
	_, pod := r.running()
	body := io.MultiReader(strings.NewReader("one "), late(11*time.Second), strings.NewReader("two"))
	req, err := http.NewRequestWithContext(t.Context(), "PUT", r.url+"/runner/v1/artifacts/slow.txt", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 7
	req.Header.Set("Authorization", "Bearer "+pod)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s, %v", resp.StatusCode, answer, err)
	}
}
