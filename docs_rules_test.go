package agentrun_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/check"
	"github.com/pikasTech/agentrun/lane/intent"
)

// rulesPage is the table rule → code → test.
const rulesPage = "docs/rules.md"

// law is how many rules each group has.
var law = map[string]int{"A": 6, "B": 6, "C": 5, "D": 4, "E": 9, "F": 7, "G": 7, "H": 4, "I": 10}

var ruleNumber = regexp.MustCompile(`^[A-I](10|[1-9])$`)

// ruleRow is one row of the table.
type ruleRow struct{ code, tests []string }

// ruleRows reads the page. What is wrong with it is said once, by TestRulesTable.
func ruleRows(t *testing.T) map[string]ruleRow {
	t.Helper()
	rows := map[string]ruleRow{}
	for _, row := range rowsOf(t, "By rule") {
		if len(row) == 4 {
			rows[row[0].text] = ruleRow{row[2].code, row[3].code}
		}
	}
	return rows
}

// rowsOf are the rows of the page below a heading.
func rowsOf(t *testing.T, title string) [][]cell {
	t.Helper()
	for _, s := range readPage(t, rulesPage).sections {
		if s.title == title {
			return s.rows
		}
	}
	t.Fatalf("%s has no section %q", rulesPage, title)
	return nil
}

// TestRulesTable: each rule stands in the page once, with code that exists and a test
// that exists and is named after it.
func TestRulesTable(t *testing.T) {
	src, told := source{}, map[string]bool{}
	for _, row := range rowsOf(t, "By rule") {
		rule := row[0].text
		switch {
		case !ruleNumber.MatchString(rule):
			t.Errorf("%s: %q is no rule", rulesPage, rule)
			continue
		case told[rule]:
			t.Errorf("%s: %s stands there twice", rulesPage, rule)
		case len(row) != 4 || len(row[2].code) == 0 || len(row[3].code) == 0:
			t.Errorf("%s: %s names no code that enforces it, or no test that breaks it", rulesPage, rule)
			continue
		}
		told[rule] = true
		for _, ref := range row[2].code {
			src.checkCode(t, rule, ref)
		}
		for _, ref := range row[3].code {
			src.checkTest(t, rule, ref)
		}
	}
	for group, n := range law {
		for i := range n {
			if rule := group + strconv.Itoa(i+1); !told[rule] {
				t.Errorf("%s has no row for %s", rulesPage, rule)
			}
		}
	}
}

// TestRulesAreComplete: no test that is named after a rule, no script that speaks of
// one and no package that refuses by one is left out of the rule's row.
func TestRulesAreComplete(t *testing.T) {
	rows := ruleRows(t)
	has := func(rule, ref string) bool {
		return slices.ContainsFunc(rows[rule].tests, func(s string) bool { return s == ref || strings.HasPrefix(s, ref+"/") })
	}
	for dir, files := range tree(t) {
		for _, file := range files {
			switch {
			case strings.HasSuffix(file, ".txtar"):
				for _, m := range regexp.MustCompile(`\brule ([A-I](?:10|[1-9]))\b`).FindAllSubmatch(readFile(t, file), -1) {
					if rule := string(m[1]); !has(rule, file) {
						t.Errorf("%s: the row of %s does not name %s, which speaks of it", rulesPage, rule, file)
					}
				}
			case strings.HasSuffix(file, "_test.go"):
				for _, name := range testsIn(t, file) {
					ref := name
					if dir != "." {
						ref = dir + "." + name
					}
					for _, rule := range rulesOf(name) {
						if !has(rule, ref) {
							t.Errorf("%s: the row of %s does not name %s", rulesPage, rule, ref)
						}
					}
				}
			default:
				for _, rule := range refusals(t, file) {
					if !slices.ContainsFunc(rows[rule].code, func(s string) bool { d, _ := split(s); return d == dir }) {
						t.Errorf("%s: the row of %s names nothing of %s, where %s refuses by it", rulesPage, rule, dir, file)
					}
				}
			}
		}
	}
}

// TestRulesByVerb: each verb of lane has a row, and what the row names breaks or shows
// each of its rules.
func TestRulesByVerb(t *testing.T) {
	src := source{}
	var told []string
	for _, row := range rowsOf(t, "By verb") {
		if len(row) != 4 || len(row[0].code) != 1 || len(row[3].code) == 0 {
			t.Errorf("%s: a row names no verb, or nothing that shows it: %q", rulesPage, row[0].text)
			continue
		}
		verb := row[0].code[0]
		told = append(told, verb)
		for rule := range strings.SplitSeq(row[1].text, ", ") {
			shown := func(ref string) bool {
				if strings.HasSuffix(ref, ".txtar") {
					return regexp.MustCompile(`\b` + rule + `\b`).Match(readFile(t, ref))
				}
				_, name := split(ref)
				return slices.Contains(rulesOf(name), rule)
			}
			if !ruleNumber.MatchString(rule) || !slices.ContainsFunc(row[3].code, shown) {
				t.Errorf("%s: lane %s: nothing of its row shows %q", rulesPage, verb, rule)
			}
		}
		for _, ref := range row[3].code {
			if strings.HasSuffix(ref, ".txtar") {
				if !regexp.MustCompile(`\blane .*\b` + verb + `\b`).Match(readFile(t, ref)) {
					t.Errorf("%s: %s does not run lane %s", rulesPage, ref, verb)
				}
				continue
			}
			if dir, name := split(ref); src.of(t, dir)[name] == nil {
				t.Errorf("%s: lane %s: %s is not in the source", rulesPage, verb, ref)
			}
		}
	}
	for _, verb := range verbsOf(t, buildLane(t)) {
		if verb != "help" && verb != "completion" && !slices.Contains(told, verb) {
			t.Errorf("%s has no row for lane %s", rulesPage, verb)
		}
	}
}

// readIntent is deploy/deploy.json as it stands in the work tree.
func readIntent(t *testing.T) *intent.Intent {
	t.Helper()
	data, err := os.ReadFile(intent.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestB4_LanePageHasTheNetworkTable: the page repeats deploy.json, to the letter.
func TestB4_LanePageHasTheNetworkTable(t *testing.T) {
	page, err := os.ReadFile("docs/reference/lane.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := check.NetworkTable(readIntent(t)); !strings.Contains(string(page), "<!-- lane:network -->\n"+table+"<!-- /lane:network -->\n") {
		t.Errorf("docs/reference/lane.md does not have the table\n%s", table)
	}
}

// TestA2_LanePageHasEveryName: the lane's page names what lane/names derives.
func TestA2_LanePageHasEveryName(t *testing.T) {
	n, err := readIntent(t).Names()
	if err != nil {
		t.Fatal(err)
	}
	told := readPage(t, "docs/reference/lane.md").code
	v := reflect.ValueOf(n)
	for i := range v.NumField() {
		if name := v.Field(i).String(); !slices.Contains(told, name) {
			t.Errorf("docs/reference/lane.md does not name %s (%s)", name, v.Type().Field(i).Name)
		}
	}
}
