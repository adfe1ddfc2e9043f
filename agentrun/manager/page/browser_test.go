package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
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
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// browser is a real Chromium with one tab. What its console says fails the test.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu   sync.Mutex
	said []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute),
	}
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, closeTab := chromedp.NewContext(alloc)
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		closeTab()
		stop()
	})
	if err := chromedp.Listen(ctx, b.hears); err != nil {
		t.Fatal(err)
	}
	for _, on := range []cdp.Command[cdp.Empty, cdp.Empty]{cdplog.Enable, runtime.Enable, accessibility.Enable} {
		call(b, on, cdp.Empty{})
	}
	b.do(chromedp.EmulateViewport(1100, 900))
	return b
}

// call sends a command of the browser's protocol.
func call[P, R any](b *browser, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

func (b *browser) hears(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown:
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelVerbose {
			return // advice
		}
	default:
		return
	}
	data, err := json.Marshal(event)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf("%T: %s %v", event, data, err))
}

// quiet wants that nothing was said in the console, CSP violations included.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		b.t.Errorf("the browser says %s", s)
	}
	b.said = nil
}

// forget leaves out what was said about answers that are refusals.
func (b *browser) forget(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = slices.DeleteFunc(b.said, func(s string) bool { return strings.Contains(s, part) })
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func value[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// is wants that an expression becomes true, on this page or the next.
func (b *browser) is(expression string) {
	b.t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var yes bool
		if yes, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); yes {
			return
		}
	}
	b.t.Fatalf("%s is not so (%v) in\n%s", expression, err, value[string](b, "document.body.innerText.slice(0, 3000)"))
}

// shot keeps a picture of the whole page for a person who wants to look at it.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("PAGE_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// tree is the accessibility tree, one line "role name" a node that is there for
// people who do not see.
func (b *browser) tree() []string {
	b.t.Helper()
	var lines []string
	for _, n := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if !n.Ignored {
			lines = append(lines, axText(n.Role)+" "+axText(n.Name))
		}
	}
	return lines
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	if json.Unmarshal(v.Value, &s) != nil {
		return string(v.Value)
	}
	return s
}

func (b *browser) inTree(want ...string) {
	b.t.Helper()
	tree := b.tree()
	for _, w := range want {
		if !slices.ContainsFunc(tree, func(line string) bool { return strings.HasPrefix(line, w) }) {
			b.t.Errorf("the accessibility tree has no %q:\n%s", w, strings.Join(tree, "\n"))
		}
	}
}

// focused describes the element that has the focus.
func (b *browser) focused() string {
	b.t.Helper()
	return value[string](b, `(e => e.tagName + " " + (e.id || e.textContent.trim()).slice(0, 60))(document.activeElement)`)
}

// fits wants that nothing is wider than the window.
func (b *browser) fits() {
	b.t.Helper()
	wide := value[string](b, `[...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".unseen, .skip, thead")).map(e => e.outerHTML.slice(0, 200)).join("\n")`)
	if wide != "" {
		b.t.Errorf("wider than the window: %s", wide)
	}
}

// evil is what an agent, or who writes its prompt, might try.
const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=2</script><a href="javascript:window.hacked=3">x</a>` +
	"</pre></li></ol><style>*{display:none}</style><base href='//evil.example'>{{.}} \u202egnp.exe\u202c \x1b[31mred\x1b[0m \x1b]0;title\a \x00 '\"`"

func TestInABrowser(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	old := s.submit("shop", run.Request{Prompt: "An older run", Labels: map[string]string{"ticket": "1234"}})
	r := s.submit("shop", run.Request{Prompt: "Mend the failing test.\n" + evil, Labels: map[string]string{"team": "money"}})
	a := s.begin(r.ID)
	s.say(a, run.AgentSession, run.SessionData{CodexVersion: "1.0" + evil, Model: "m", Provider: "p"})
	s.say(a, run.Message, run.TextData{ItemID: "m0", Text: "I look at the tests first. " + evil})

	// Sign in with the keyboard alone.
	b.do(chromedp.Navigate(s.url + "/ui/runs/" + r.ID))
	b.is(`location.pathname === "/ui/signin"`)
	b.inTree("RootWebArea Sign in", "main", "heading Sign in", "textbox API token", "button Sign in")
	b.is(`document.activeElement.id === "token"`)
	b.shot("signin")
	b.do(chromedp.KeyEvent("art_wrong" + kb.Enter))
	b.is(`document.querySelector("[role=alert]")`)
	b.inTree("alert", "textbox API token")
	b.forget("status of 422")
	b.is(`document.activeElement.id === "token"`)
	b.do(chromedp.KeyEvent(s.token + kb.Enter))
	b.is(`location.pathname.startsWith("/ui/runs/")`)
	b.is(`document.cookie === ""`) // no script may read it

	t.Run("list", func(t *testing.T) {
		b.t = t
		b.do(chromedp.Navigate(s.url + "/ui/runs"))
		b.inTree("main", "heading Runs", "navigation Main", "search Filter", "combobox State", "table Runs, the newest first",
			"columnheader Prompt", "rowheader Mend the failing test.", "link An older run", "button Sign out")
		b.is(`document.querySelectorAll("tbody tr").length === 2`)
		// The first stop of the keyboard leads past the head of the page.
		b.do(chromedp.KeyEvent(kb.Tab))
		if got := b.focused(); got != "A Skip to the content" {
			t.Errorf("the focus is on %s", got)
		}
		b.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
		if got := b.focused(); got != "SELECT state" {
			t.Errorf("after skipping, the focus is on %s", got)
		}
		b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("ticket=1234"+kb.Enter))
		b.is(`new URLSearchParams(location.search).get("label") === "ticket=1234" && document.querySelectorAll("tbody tr").length === 1`)
		b.shot("list")
		b.do(chromedp.Focus("tbody a"), chromedp.KeyEvent(kb.Enter))
		b.is(`location.pathname === "/ui/runs/` + old.ID + `"`)
		b.quiet()
	})

	t.Run("live", func(t *testing.T) {
		b.t, s.t = t, t
		b.do(chromedp.Navigate(s.url + "/ui/runs/" + r.ID))
		b.is(`document.getElementById("live").textContent === "This page follows the run."`)
		b.inTree("main", "heading Run "+r.ID, "status", "region State", "heading Prompt", "heading What happened", "list", "heading Message")
		value[string](b, `document.querySelector("main").dataset.kept = "yes"`)

		s.say(a, run.MessageDelta, run.TextData{ItemID: "m1", Text: "Now I run "})
		s.say(a, run.MessageDelta, run.TextData{ItemID: "m1", Text: "them." + evil})
		b.is(`[...document.querySelectorAll(".item.message .text")].at(-1).textContent.startsWith("Now I run them.<img")`)
		s.say(a, run.Message, run.TextData{ItemID: "m1", Text: "Now I run them: " + evil})
		b.is(`[...document.querySelectorAll(".item.message .text")].at(-1).textContent.startsWith("Now I run them: <img")`)
		one := 1
		s.say(a, run.CommandStarted, run.CommandData{ItemID: "c1", Command: "go test ./... # " + evil, Dir: "/workspace/" + evil, Status: "inProgress"})
		s.say(a, run.CommandOutput, run.TextData{ItemID: "c1", Text: "--- FAIL: TestRound\n"})
		b.is(`document.querySelector(".item.command .output").textContent.includes("FAIL: TestRound")`)
		s.say(a, run.CommandCompleted, run.CommandData{ItemID: "c1", Command: "go test ./... # " + evil, Dir: "/workspace/" + evil, Status: "failed", ExitCode: &one, Output: "--- FAIL: TestRound (0.00s)\n" + evil})
		b.is(`document.querySelector(".exit.bad").textContent === "exit code 1"`)
		s.say(a, run.FileChange, run.FileData{ItemID: evil, Status: "completed", Changes: []run.PathChange{
			{Path: "/workspace/money/" + evil, Kind: "update", Diff: "@@ -1,2 +1,2 @@\n func round() {\n-\treturn 1 // " + evil + "\n+\treturn 2\n"},
		}})
		b.is(`document.querySelectorAll(".item.files .diff .add").length === 1`)
		s.say(a, run.Diff, run.TextData{Text: "diff --git a/x b/x\n-" + evil + "\n+ok\n"})
		s.say(a, run.Usage, run.UsageData{InputTokens: 5400, CachedInputTokens: 1000, OutputTokens: 77, TotalTokens: 5477})
		b.is(`document.getElementById("usage").textContent.includes("5400")`)
		s.say(a, run.Warning, run.TextData{Text: evil})
		s.say(a, run.Error, run.ErrorData{Message: evil, Code: evil, WillRetry: true})
		s.say(a, run.Approval, run.ApprovalData{Method: evil, Subject: evil, Decision: run.Decline})
		if err := a.Keep(t.Context(), "diff.patch", "text/html", []byte(evil)); err != nil {
			t.Fatal(err)
		}
		b.is(`document.querySelectorAll(".item").length >= 11`)

		// It has followed without being loaded anew, and said no more than states.
		b.is(`document.querySelector("main").dataset.kept === "yes" && document.getElementById("live").textContent === "This page follows the run."`)
		s.end(a, run.Ending{State: run.Succeeded, FinalMessage: "It is mended. " + evil, Usage: run.UsageData{TotalTokens: 1}})
		b.is(`document.getElementById("live").textContent === "State: succeeded"`)
		b.is(`document.querySelector("#outcome .text").textContent.startsWith("It is mended. <img") && document.querySelector("#outcome a").textContent === "diff.patch"`)
		b.is(`document.querySelector("main").dataset.kept === "yes"`)
		b.inTree("heading Result", "heading Tokens", "heading Changes by patches", "link diff.patch", "heading Command", "heading Files changed")

		// What is seen now is what a page that is loaded anew shows.
		// A message is of the time of its first piece here and of its end there.
		text := `[...document.querySelectorAll("#run > section, .item")].filter(e => !e.hidden).map(e => e.textContent.replace(/\s+/g, " ").replace(/\d\d:\d\d:\d\d/g, "…").trim()).join("\n")`
		live := value[string](b, text)
		b.is(`document.title.endsWith(" · succeeded · AgentRun")`)
		b.do(chromedp.Reload())
		b.is(`document.querySelector("#outcome .text")`)
		if anew := value[string](b, text); live != anew {
			t.Errorf("live:\n%s\nanew:\n%s", live, anew)
		}

		// Nothing of the agent's was anything but text.
		b.is(`window.hacked === undefined && document.title.startsWith("Mend the failing test.") && document.title.endsWith(" · succeeded · AgentRun")`)
		b.is(`document.querySelectorAll("img, style, base, iframe, object, [onerror], a[href^=javascript]").length === 0 && document.scripts.length === 1`)
		b.is(`!/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f]/.test(document.documentElement.textContent)`)
		b.shot("run-light")
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		b.shot("run-dark")
		b.do(chromedp.EmulateViewport(360, 740))
		b.fits()
		b.shot("run-narrow")
		b.do(chromedp.Navigate(s.url + "/ui/runs"))
		b.fits()
		b.shot("list-narrow")
		b.quiet()
	})
}

// TestPolicyHolds: a script that got into a page would not run, and the browser would
// say so, which is what the other tests listen for.
func TestPolicyHolds(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	b.do(chromedp.Navigate(s.url + "/ui/signin"))
	b.quiet()
	for _, attack := range []string{
		`Object.assign(document.createElement("script"), {textContent: "window.hacked = 1"})`,
		`Object.assign(document.createElement("script"), {src: "data:text/javascript,window.hacked=1"})`,
		`Object.assign(document.createElement("img"), {src: "https://evil.example/x.png"})`,
		`Object.assign(document.createElement("style"), {textContent: "*{display:none}"})`,
		`Object.assign(document.createElement("iframe"), {src: "data:text/html,x"})`,
	} {
		value[string](b, `(e => { document.body.append(e); return "done" })(`+attack+`)`)
		b.complains("Content Security Policy")
		b.is(`window.hacked === undefined && getComputedStyle(document.body).display === "block"`)
	}
}

// complains waits until the browser says such a thing, and forgets it.
func (b *browser) complains(part string) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		said := slices.ContainsFunc(b.said, func(s string) bool { return strings.Contains(s, part) })
		b.said = nil
		b.mu.Unlock()
		if said {
			return
		}
	}
	b.t.Errorf("the browser does not speak of %q", part)
}

// TestLiveComesBack: a page whose stream breaks goes on where it was.
func TestLiveComesBack(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	r := s.submit("shop", run.Request{Prompt: "x"})
	a := s.begin(r.ID)
	b.do(chromedp.Navigate(s.url + "/ui/signin?" + url.Values{"next": {"/ui/runs/" + r.ID}}.Encode()))
	b.is(`document.activeElement.id === "token"`)
	b.do(chromedp.KeyEvent(s.token + kb.Enter))
	b.is(`document.getElementById("live")`)
	var all []string
	for i := range 4 {
		all = append(all, fmt.Sprint("seen ", i), fmt.Sprint("missed ", i))
		s.say(a, run.Message, run.TextData{Text: all[2*i]})
		b.is(fmt.Sprintf(`document.querySelectorAll(".item.message").length === %d`, 2*i+1))
		s.site.CloseClientConnections()
		s.say(a, run.Message, run.TextData{Text: all[2*i+1]})
		b.is(fmt.Sprintf(`[...document.querySelectorAll(".item.message .text")].map(e => e.textContent).join() === %q`, strings.Join(all, ",")))
	}
	s.end(a, run.Ending{State: run.Failed, Reason: run.AgentError})
	b.is(`document.getElementById("live").textContent === "State: failed (agent error)"`)
}
