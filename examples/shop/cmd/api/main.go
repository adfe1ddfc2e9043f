// Command api tells what the shop sells.
//
// It serves HTTP on :8080: /healthz and /readyz, /goods with names and prices,
// and /version with what the environment says of the release.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/shop/money"
)

//go:embed goods.json
var goodsJSON []byte

type good struct {
	Name  string      `json:"name"`
	Price money.Cents `json:"price"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, ":8080"); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string) error {
	h, err := handler()
	if err != nil {
		return err
	}
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { s.Shutdown(context.WithoutCancel(ctx)) })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handler() (http.Handler, error) {
	var goods []good
	if err := json.Unmarshal(goodsJSON, &goods); err != nil {
		return nil, fmt.Errorf("reading the goods: %w", err)
	}
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getenv("SHOP_LANE"), os.Getenv("SHOP_COMMIT"), os.Getenv("SHOP_DIGEST"))
	})
	mux.HandleFunc("GET /goods", func(w http.ResponseWriter, _ *http.Request) {
		for _, g := range goods {
			fmt.Fprintf(w, "%s %s\n", g.Name, g.Price)
		}
	})
	return mux, nil
}
