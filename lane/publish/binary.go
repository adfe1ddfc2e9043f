package publish

import (
	"debug/buildinfo"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan"
)

// checkBinary refuses a binary whose own record of its build is not the plan's:
// the identity would not cover what is in it (rule F5).
func checkBinary(file string, c *plan.Component) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading what the compiler built: %w", err)
	}
	if why := disagreement(info, c); why != "" {
		return fail.Refuse("F5", c.Package, "plan the commit again with this version of lane; if it stays, report it as a defect of lane plan",
			"plan and build disagree: %s", why)
	}
	return nil
}

// settings are those that a binary records; the rest leaves no trace with
// -trimpath.
func settings() map[string]string {
	s := map[string]string{
		"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true",
		"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1",
	}
	for _, flag := range plan.GoFlags() {
		if tags, ok := strings.CutPrefix(flag, "-tags="); ok {
			s["-tags"] = tags
		}
	}
	return s
}

// disagreement says in what info is not what c says, or "".
func disagreement(info *debug.BuildInfo, c *plan.Component) string {
	switch {
	case info.Path != c.Package:
		return fmt.Sprintf("the program is %q, not %q", info.Path, c.Package)
	case info.GoVersion != c.Toolchain:
		return fmt.Sprintf("it was compiled by %q, not %q", info.GoVersion, c.Toolchain)
	case info.Main.Version != "(devel)":
		return fmt.Sprintf("the commit is stamped into it (%q)", info.Main.Version)
	}
	want := settings()
	for _, s := range info.Settings {
		value, known := want[s.Key]
		switch {
		case known && s.Value != value:
			return fmt.Sprintf("it was compiled with %s=%s, not %s", s.Key, s.Value, value)
		case !known && s.Key != "DefaultGODEBUG" && (s.Key != "-pgo" || s.Value != "default.pgo"):
			return fmt.Sprintf("it was compiled with %s=%s", s.Key, s.Value)
		}
		delete(want, s.Key)
	}
	if missing := slices.Sorted(maps.Keys(want)); len(missing) > 0 {
		return fmt.Sprintf("it does not say that it was compiled with %s=%s", missing[0], want[missing[0]])
	}
	var got []plan.Module
	for _, m := range info.Deps {
		got = append(got, recorded(m))
	}
	slices.SortFunc(got, func(a, b plan.Module) int { return strings.Compare(a.Path, b.Path) })
	for i := range max(len(got), len(c.Modules)) {
		switch {
		case i >= len(got) || i < len(c.Modules) && c.Modules[i].Path < got[i].Path:
			return fmt.Sprintf("it is without %s", c.Modules[i].Path)
		case i >= len(c.Modules) || c.Modules[i].Path > got[i].Path:
			return fmt.Sprintf("it holds %s", moduleText(got[i]))
		case moduleText(got[i]) != moduleText(c.Modules[i]):
			return fmt.Sprintf("it holds %s, not %s", moduleText(got[i]), moduleText(c.Modules[i]))
		}
	}
	return ""
}

func recorded(m *debug.Module) plan.Module {
	out := plan.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	if m.Replace != nil {
		by := recorded(m.Replace)
		out.Replace = &by
	}
	return out
}

func moduleText(m plan.Module) string {
	s := m.Path + "@" + m.Version + " " + m.Sum
	if m.Replace != nil {
		s += " => " + moduleText(*m.Replace)
	}
	return s
}
