package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// browser is a Chromium that is up and shows one page after the other.
type browser struct {
	context.Context
	stop []context.CancelFunc
}

func newBrowser(ctx context.Context, program, dir string) (*browser, error) {
	allocator, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 1600))
	page, end := chromedp.NewContext(allocator)
	b := &browser{page, []context.CancelFunc{end, stop}}
	if err := b.do("about:blank"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *browser) close() {
	for _, stop := range b.stop {
		stop()
	}
}

// draw opens the file and waits until all of it is there.
func (b *browser) draw(file string) error {
	return b.do("file://"+file, chromedp.WaitReady("footer"))
}

func (b *browser) do(url string, then ...chromedp.Action[chromedp.Void]) error {
	if err := chromedp.Do(b.Context, append([]chromedp.Action[chromedp.Void]{chromedp.Navigate(url)}, then...)...); err != nil {
		return fmt.Errorf("opening %s: %w", url, err)
	}
	return nil
}
