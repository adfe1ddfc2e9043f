package report_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/pikasTech/agentrun/lane/report"
)

// browser is a page in a real Chromium.
type browser struct {
	context.Context
	t testing.TB

	mu     sync.Mutex
	said   []string // console, exceptions and dialogs
	asked  []string // requests other than for the page
	opened string
}

// show opens a page. Chromium is asked for nothing but this file.
func show(t testing.TB, d report.Document) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	switch {
	case testing.Short():
		t.Skip("it starts Chromium: not in -short")
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("Chromium is missing: apt-get install chromium")
	case err != nil:
		t.Skip("Chromium is missing: apt-get install chromium")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(draw(t, d)), 0o600); err != nil {
		t.Fatal(err)
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 1600), chromedp.WSURLReadTimeout(time.Minute))
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &browser{Context: ctx, t: t, opened: "file://" + file}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	ask(b, network.Enable, network.EnableParams{})
	ask(b, log.Enable, cdp.Empty{})
	ask(b, runtime.Enable, cdp.Empty{})
	b.do(chromedp.Navigate(b.opened), chromedp.WaitReady("footer"))
	return b
}

// hear takes what the browser tells.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.said = append(b.said, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.said = append(b.said, string(e.Type))
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, e.ExceptionDetails.Text)
	case *page.EventJavascriptDialogOpening:
		b.said = append(b.said, "dialog "+e.Message)
	case *network.EventRequestWillBeSent:
		if url, _, _ := strings.Cut(e.Request.URL, "#"); url != b.opened {
			b.asked = append(b.asked, url)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Context, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// ask is one command of Chromium's protocol.
func ask[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.Context, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// get is the value that an action gives.
func get[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Context, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// quiet wants the page to have said and asked nothing.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said)+len(b.asked) > 0 {
		b.t.Errorf("the page said %q and asked for %q", b.said, b.asked)
	}
}

// tree is what a screen reader is told, role and name each.
func (b *browser) tree() []string {
	b.t.Helper()
	value := func(v *accessibility.Value) (s string) {
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // roles and names are strings
		}
		return s
	}
	var all []string
	for _, n := range ask(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if !n.Ignored {
			all = append(all, value(n.Role)+" "+value(n.Name))
		}
	}
	return all
}

// keep writes a picture to look at, when LANE_SCREENSHOTS names a folder.
func (b *browser) keep(name string, data []byte) {
	b.t.Helper()
	if dir := os.Getenv("LANE_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestChromiumShowsThePage as a reader and as a screen reader, in light and dark.
func TestChromiumShowsThePage(t *testing.T) {
	b := show(t, shop())
	tree := b.tree()
	for _, want := range []string{
		"heading shop v0.3", "StaticText not accepted: 1 contradicted, 1 unknown (worktree skipped)",
		"navigation The chain of the release", "link Worktree skipped 0 of 1 rules", "link Tekton unknown 0 of 1 rules, 1 unknown",
		"link GitOps branch matched 1 of 1 rules", "link Argo CD matched 1 of 1 rules", "link Live contradicted 1 of 2 rules, 1 contradicted",
		"heading Services", "columnheader Digest", "rowheader api", "cell published", "cell " + hash("1"),
		"heading Timeline", "heading Drift", "heading Holds and hotfix records", "heading Hotfix pause, #12", "heading Evidence",
	} {
		if !slices.ContainsFunc(tree, func(s string) bool { return strings.Join(strings.Fields(s), " ") == want }) {
			t.Errorf("a screen reader is not told %q:\n%s", want, strings.Join(tree, "\n"))
		}
	}
	var colours [2]string
	for i, scheme := range []string{"light", "dark"} {
		ask(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		colours[i] = get(b, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		b.keep(scheme+".png", get(b, chromedp.FullScreenshot(100)))
	}
	if colours != [2]string{"rgb(255, 255, 255)", "rgb(15, 20, 25)"} {
		t.Errorf("light and dark are %v", colours)
	}
	b.quiet()
}

// TestChromiumPrintsTheEvidence: what is folded on a screen is on paper.
func TestChromiumPrintsTheEvidence(t *testing.T) {
	b := show(t, shop())
	// The next frame but one: a change of medium unfolds with a frame, not at once.
	const folded = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>
		done([...document.querySelectorAll("details:not([open]) li")].map(e => e.checkVisibility({contentVisibilityAuto: true}) && e.getClientRects().length > 0)))))`
	for _, tt := range []struct {
		media string
		shown bool
	}{{"screen", false}, {"print", true}} {
		ask(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: tt.media})
		shown := get(b, chromedp.Evaluate[[]bool](folded, chromedp.EvalAwaitPromise))
		b.keep(tt.media+".png", get(b, chromedp.FullScreenshot(100)))
		if len(shown) == 0 || slices.Contains(shown, !tt.shown) {
			t.Errorf("on %s: %v", tt.media, shown)
		}
	}
	b.keep("print.pdf", get(b, chromedp.PrintToPDF()))
	b.quiet()
}

// TestChromiumRunsNothingOfHostileTexts.
func TestChromiumRunsNothingOfHostileTexts(t *testing.T) {
	b := show(t, evil())
	elements := get(b, chromedp.Evaluate[int](`document.querySelectorAll("script, img, iframe, [onerror], [onmouseover], a:not([href^='#'])").length`))
	if elements != 0 {
		t.Errorf("%d elements of a hostile text", elements)
	}
	b.quiet()
}

// TestChromiumKeepsThePolicy: what somebody adds to the page afterwards is not run.
func TestChromiumKeepsThePolicy(t *testing.T) {
	b := show(t, shop())
	ran := get(b, chromedp.Evaluate[bool](`document.head.append(Object.assign(document.createElement("script"), {textContent: "window.ran = true"})); window.ran === true`))
	if ran {
		t.Error("a script ran")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.said, func(s string) bool { return strings.Contains(s, "Content Security Policy") }) {
		t.Errorf("nothing was refused: %q", b.said)
	}
}

// BenchmarkChromiumDraws measures what Chromium itself says: from the start of the
// navigation to the end of the load, and to the first paint.
func BenchmarkChromiumDraws(b *testing.B) {
	w := show(b, many(1000))
	var loaded, painted float64
	for b.Loop() {
		w.do(chromedp.Navigate(w.opened))
		loaded += get(w, chromedp.Evaluate[float64](`performance.getEntriesByType("navigation")[0].duration`))
		painted += get(w, chromedp.Evaluate[float64](`new Promise(done => new PerformanceObserver(l => done(l.getEntries()[0].startTime)).observe({type: "paint", buffered: true}))`, chromedp.EvalAwaitPromise))
	}
	b.ReportMetric(loaded/float64(b.N), "load-ms")
	b.ReportMetric(painted/float64(b.N), "paint-ms")
}
