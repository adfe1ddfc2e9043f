package check

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/intent"
)

// The marks around the table of network facts in a document.
const (
	tableBegin = "<!-- lane:network -->"
	tableEnd   = "<!-- /lane:network -->"
)

// NetworkTable is what a document says of the pipeline's network, in Markdown,
// between the lines <!-- lane:network --> and <!-- /lane:network -->. It is made
// from the intent, so the two cannot differ (rules B3 and B4).
func NetworkTable(in *intent.Intent) string {
	var b strings.Builder
	b.WriteString("| what | in the pods of the pipeline | from deploy/deploy.json |\n|---|---|---|\n")
	if in.CI.Proxy != "" {
		fmt.Fprintf(&b, "| `HTTP_PROXY`, `HTTPS_PROXY` | `%s` | `ci.proxy` |\n", in.CI.Proxy)
		fmt.Fprintf(&b, "| `NO_PROXY` | `%s` | `ci.noProxy`; loopback and the registry are added |\n", strings.Join(in.NoProxy(), ","))
	}
	scheme := "HTTPS"
	if in.Registry.Insecure {
		scheme = "plain HTTP"
	}
	fmt.Fprintf(&b, "| image registry | `%s`, %s | `registry` |\n", in.Registry.Address, scheme)
	fmt.Fprintf(&b, "| Tekton namespace | `%s` | `ci.namespace` |\n", in.CI.Namespace)
	return b.String()
}

const networkHint = "take the value from deploy/deploy.json, which alone says it"

// network finds places that state the pipeline's network facts by themselves and
// differ from the intent (rule B4).
func (j *judge) network(f *file, own *owner) fail.Findings {
	if own.in == nil {
		return nil
	}
	found := f.table(own.in)
	if f.isConfiguration() {
		found = append(found, f.proxies(own.in)...)
	}
	if own.image == nil {
		return found
	}
	for _, at := range own.image.in(f.text) {
		host := hostBefore(f.text[:at[0]])
		if host != own.in.Registry.Address && strings.ContainsAny(host, ".:") {
			found = append(found, f.at(at[0]-1-len(host), "B4", networkHint, "the registry %q is not the lane's, which is %q", host, own.in.Registry.Address))
		}
	}
	return found
}

// hostBefore is the host, with its port, that text ends in before a slash, or "".
func hostBefore(text []byte) string {
	text, ok := bytes.CutSuffix(text, []byte("/"))
	if !ok {
		return ""
	}
	from := len(text)
	for from > max(0, len(text)-256) && (isAlphanumeric(text[from-1]) || strings.IndexByte(".-:", text[from-1]) >= 0) {
		from--
	}
	if bytes.HasSuffix(text[:from], []byte("/")) && !bytes.HasSuffix(text[:from], []byte("//")) {
		return "" // a folder
	}
	return string(text[from:])
}

// table compares the table in a document.
func (f *file) table(in *intent.Intent) fail.Findings {
	if !f.isDocument() {
		return nil
	}
	begin := bytes.Index(f.text, []byte("\n"+tableBegin+"\n"))
	if begin < 0 {
		return nil
	}
	begin += len("\n" + tableBegin + "\n")
	end := bytes.Index(f.text[begin:], []byte(tableEnd))
	if end < 0 {
		return fail.Findings{f.at(begin-1, "B4", "add "+tableEnd+" behind the table", "the table of network facts has no end")}
	}
	given := strings.Split(strings.TrimSpace(string(f.text[begin:begin+end])), "\n")
	for i, want := range strings.Split(strings.TrimSpace(NetworkTable(in)), "\n") {
		if i >= len(given) || strings.TrimSpace(given[i]) != want {
			return fail.Findings{f.at(begin, "B4", "write as line "+strconv.Itoa(i+1)+" of the table: "+want, "the table of network facts is not what deploy/deploy.json says")}
		}
		given[i] = ""
	}
	if strings.TrimSpace(strings.Join(given, "")) != "" {
		return fail.Findings{f.at(begin, "B4", "remove what follows the table's last line before "+tableEnd, "the table of network facts says more than deploy/deploy.json")}
	}
	return nil
}

// isConfiguration reports whether a file sets variables for programs.
func (f *file) isConfiguration() bool {
	base := strings.ToLower(f.Path[strings.LastIndexByte(f.Path, '/')+1:])
	for _, end := range []string{".yaml", ".yml", ".sh", ".env", ".dockerfile", "dockerfile", ".toml", ".service"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	first, _, _ := bytes.Cut(f.text[:min(len(f.text), 128)], []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(bytes.TrimSpace(first), []byte("sh"))
}

// proxyVariable is a variable of the network, set as NAME=value or as a name and
// a value.
var proxyVariable = regexp.MustCompile("(?i)\\b((?:https?|all|no)_proxy)[\"']?(?:[,\\s]+[\"']?value[\"']?)?[ \\t]*[:=][ \\t]*[\"']?([^\\s\"'`;}]+)")

// proxies compares the variables that a file sets.
func (f *file) proxies(in *intent.Intent) fail.Findings {
	var found fail.Findings
	for _, at := range proxyVariable.FindAllSubmatchIndex(f.text, maxFound) {
		name, value := string(f.text[at[2]:at[3]]), string(f.text[at[4]:at[5]])
		switch {
		case secretscan.Placeholder(value):
		case strings.EqualFold(name, "no_proxy"):
			given, want := strings.Split(value, ","), in.NoProxy()
			slices.Sort(given)
			slices.Sort(want)
			if !slices.Equal(given, want) {
				found = append(found, f.at(at[2], "B4", networkHint, "%s is not the lane's list", name))
			}
		case strings.TrimRight(value, "/") != strings.TrimRight(in.CI.Proxy, "/"):
			found = append(found, f.at(at[2], "B4", networkHint, "%s is not the lane's proxy", name))
		}
	}
	return found
}
