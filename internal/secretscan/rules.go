package secretscan

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// rules are gitleaks' default rules. Their patterns are compiled at first use,
// since most runs need few of them and every run pays for what is made at its
// start; for the same reason the file is read here and not by gitleaks.
type rules struct {
	list     []*rule
	keywords *ahocorasick.Trie
	byWord   map[string][]int // indexes into list
	allowed  []allowed        // values that are none of any rule's
}

// rule is one kind of credential.
type rule struct {
	id, description string
	pattern         func() *regexp.Regexp
	path            func() *regexp.Regexp // nil: any file
	group           int                   // the pattern's group that is the credential; 0: the first that matched
	entropy         float64               // what a credential has more of, in bits a character
	marks           []string              // the rule's key words, in lower case
	allowed         []allowed
}

// allowed are values that look like a credential and are none.
type allowed struct {
	wholeMatch bool // the patterns are for all that the rule matched, not for the credential in it
	patterns   []func() *regexp.Regexp
	words      []string
}

// file is the form of gitleaks' rules.
type file struct {
	Allowlist allowlist
	Rules     []struct {
		ID, Description, Regex, Path string
		SecretGroup                  int
		Entropy                      float64
		Keywords                     []string
		Allowlists                   []allowlist
		Required                     []any
		SkipReport                   bool
	}
}

type allowlist struct {
	Condition, RegexTarget      string
	Regexes, StopWords, Commits []string
	Paths                       []string
}

func loadRules() (*rules, error) {
	var f file
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &f); err != nil {
		return nil, fmt.Errorf("reading gitleaks' rules: %w", err)
	}
	rs := &rules{byWord: map[string][]int{}, allowed: valuesOnly([]allowlist{f.Allowlist}, "^(?:%s)$")}
	var words []string
	for _, r := range f.Rules {
		if len(r.Required) > 0 || r.SkipReport {
			return nil, fmt.Errorf("gitleaks' rule %s depends on others, which is not supported", r.ID)
		}
		if r.Regex == "" { // a file's name alone tells nothing; a PKCS#12 file is known by its content
			continue
		}
		made := &rule{
			id: r.ID, description: r.Description, pattern: lazy(r.Regex),
			group: r.SecretGroup, entropy: r.Entropy, allowed: valuesOnly(r.Allowlists, "%s"),
		}
		if r.Path != "" {
			made.path = lazy(r.Path)
		}
		for _, word := range r.Keywords {
			word = strings.ToLower(word)
			if !strings.HasPrefix(r.ID, "generic") { // whose key words are those of the name, not of the value
				made.marks = append(made.marks, word)
			}
			rs.byWord[word] = append(rs.byWord[word], len(rs.list))
			words = append(words, word)
		}
		if len(r.Keywords) == 0 {
			return nil, fmt.Errorf("gitleaks' rule %s has no key words", r.ID)
		}
		rs.list = append(rs.list, made)
	}
	if len(rs.list) == 0 {
		return nil, errors.New("gitleaks has no rules")
	}
	rs.keywords = ahocorasick.NewTrieBuilder().AddStrings(words).Build()
	return rs, nil
}

// valuesOnly keeps of the allow-lists what speaks of the value that was found,
// such as that ${NAME} is a placeholder. What speaks of the path, the commit or
// the rest of the line would be a way round. form anchors the patterns: gitleaks'
// own global ones allow every value that has "false" in it.
func valuesOnly(lists []allowlist, form string) []allowed {
	var kept []allowed
	for _, l := range lists {
		if l.RegexTarget == "line" || strings.EqualFold(l.Condition, "AND") {
			continue
		}
		a := allowed{wholeMatch: l.RegexTarget == "match", words: l.StopWords}
		for _, r := range l.Regexes {
			a.patterns = append(a.patterns, lazy(fmt.Sprintf(form, r)))
		}
		kept = append(kept, a)
	}
	return kept
}

func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// speakingOf are the rules of which text holds a key word, in the rules' order.
func (rs *rules) speakingOf(text string) []*rule {
	lower := strings.ToLower(text)
	var found []int
	for _, m := range rs.keywords.MatchString(lower) {
		found = append(found, rs.byWord[m.MatchString()]...)
	}
	slices.Sort(found)
	var out []*rule
	for _, i := range slices.Compact(found) {
		out = append(out, rs.list[i])
	}
	return out
}

// credential is where in match, which the rule's pattern gave, the credential
// stands.
func (r *rule) credential(match string) (from, to int) {
	groups := r.pattern().FindStringSubmatchIndex(match)
	if groups == nil {
		return 0, len(match) // what follows the match is part of the pattern
	}
	if r.group > 0 && groups[2*r.group] >= 0 {
		return groups[2*r.group], groups[2*r.group+1]
	}
	for i := 2; i < len(groups); i += 2 {
		if groups[i] >= 0 && groups[i] < groups[i+1] {
			return groups[i], groups[i+1]
		}
	}
	return 0, len(match)
}

// accepts reports whether value, found within match, is a credential of the rule.
func (rs *rules) accepts(r *rule, match, value string) bool {
	if r.marked(value) {
		return true
	}
	if r.entropy > 0 && entropy(value) <= r.entropy {
		return false
	}
	isAllowed := func(a allowed) bool { return a.allows(match, value) }
	return !slices.ContainsFunc(rs.allowed, isAllowed) && !slices.ContainsFunc(r.allowed, isAllowed)
}

// marked reports whether value begins with what its issuer puts before each
// credential, such as "ghp_". Then neither few different characters nor a word
// such as "example" in it make it harmless.
func (r *rule) marked(value string) bool {
	lower := strings.ToLower(value)
	return slices.ContainsFunc(r.marks, func(mark string) bool { return len(mark) > 3 && strings.HasPrefix(lower, mark) })
}

func (a allowed) allows(match, value string) bool {
	target := value
	if a.wholeMatch {
		target = match
	}
	lower := strings.ToLower(value)
	return slices.ContainsFunc(a.patterns, func(p func() *regexp.Regexp) bool { return p().MatchString(target) }) ||
		slices.ContainsFunc(a.words, func(word string) bool { return strings.Contains(lower, strings.ToLower(word)) })
}

// entropy is Shannon's, in bits a character.
func entropy(s string) float64 {
	counts := map[rune]float64{}
	for _, r := range s {
		counts[r]++
	}
	var bits float64
	for _, n := range counts {
		p := n / float64(len(s))
		bits -= p * math.Log2(p)
	}
	return bits
}
