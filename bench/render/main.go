// Command render measures what a render of 4,000 objects costs, beside
// kustomize, which only reads and prints the same objects, and beside the kept
// YAML libraries, which explain why lane/render prints YAML itself.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	yaml3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/render"
)

const (
	services = 1000
	rounds   = 9
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	in, n, c, err := lane(services)
	if err != nil {
		return err
	}
	tree, err := render.Render(in, n, c)
	if err != nil {
		return err
	}
	objects, size, err := decode(tree)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kustomize, err := buildKustomize(ctx, dir)
	if err != nil {
		return err
	}
	if err := writeKustomization(dir, tree); err != nil {
		return err
	}

	rows := []struct {
		what   string
		rounds int
		do     func() error
	}{
		{"render.Render", rounds, func() error { _, err := render.Render(in, n, c); return err }},
		{"kustomize build of the same objects", 1, func() error { return exec.CommandContext(ctx, kustomize, "build", dir).Run() }},
		{"sigs.k8s.io/yaml printing the same objects", rounds, func() error { return printAll(objects, yaml.Marshal) }},
		{"go.yaml.in/yaml/v3 printing the same objects", rounds, func() error { return printAll(objects, yaml3.Marshal) }},
		{"render.Check of all files", rounds, func() error { return render.Check(tree, n, c) }},
		{"Tree.Digest", rounds, func() error { tree.Digest(); return nil }},
	}
	took := make([][]time.Duration, len(rows))
	for round := range rounds { // in turns, so that all rows see the machine in the same state
		for i, row := range rows {
			if round >= row.rounds {
				continue
			}
			runtime.GC()
			start := time.Now()
			if err := row.do(); err != nil {
				return fmt.Errorf("%s: %w", row.what, err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	fmt.Printf("%d services, %d objects, %d files, %.1f MB; %d processors; median and best of %d, kustomize once\n",
		services, len(objects), len(tree), float64(size)/1e6, runtime.GOMAXPROCS(0), rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tbest\t× render\t  what\t")
	for i, row := range rows {
		slices.Sort(took[i])
		median, base := took[i][row.rounds/2], took[0][rounds/2]
		fmt.Fprintf(w, "%.0f ms\t%.0f ms\t%.2f\t  %s\t\n", ms(median), ms(took[i][0]), ms(median)/ms(base), row.what)
	}
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func printAll(objects []any, marshal func(any) ([]byte, error)) error {
	for _, o := range objects {
		if _, err := marshal(o); err != nil {
			return err
		}
	}
	return nil
}

// decode reads the objects of a tree, and counts its bytes.
func decode(tree render.Tree) (objects []any, size int, err error) {
	for _, path := range tree.Paths() {
		size += len(tree[path])
		dec := yaml3.NewDecoder(bytes.NewReader(tree[path]))
		for {
			var o any
			if dec.Decode(&o) != nil {
				break
			}
			objects = append(objects, o)
		}
	}
	if len(objects) < 4*services {
		return nil, 0, fmt.Errorf("%d objects", len(objects))
	}
	return objects, size, nil
}

// buildKustomize builds the peer from its module.
func buildKustomize(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "bin", "kustomize")
	cmd := exec.CommandContext(ctx, "go", "-C", "bench/render/kustomize", "build", "-trimpath", "-o", bin, "sigs.k8s.io/kustomize/kustomize/v5")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building kustomize (run this from the top of the repository): %w", err)
	}
	return bin, nil
}

// writeKustomization lays the tree out as kustomize wants it.
func writeKustomization(dir string, tree render.Tree) error {
	var index strings.Builder
	index.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	for _, path := range tree.Paths() {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, tree[path], 0o644); err != nil {
			return err
		}
		index.WriteString("- " + path + "\n")
	}
	return os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(index.String()), 0o644)
}
