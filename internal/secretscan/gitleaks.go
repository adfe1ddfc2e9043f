package secretscan

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// newDetector is gitleaks with its default rules, without the exceptions that an
// author could reach for.
func newDetector() (*detect.Detector, error) {
	v := viper.New() // not gitleaks' own constructor, which reads into viper's global instance
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return nil, fmt.Errorf("reading gitleaks' default rules: %w", err)
	}
	var vc config.ViperConfig
	if err := v.Unmarshal(&vc); err != nil {
		return nil, fmt.Errorf("decoding gitleaks' default rules: %w", err)
	}
	cfg, err := vc.Translate()
	if err != nil {
		return nil, fmt.Errorf("compiling gitleaks' default rules: %w", err)
	}
	cfg.Rules = maps.Clone(cfg.Rules)
	for id, rule := range cfg.Rules {
		rule.Allowlists, err = valuesOnly(rule.Allowlists, "%s")
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", id, err)
		}
		cfg.Rules[id] = rule
	}
	if cfg.Allowlists, err = valuesOnly(cfg.Allowlists, "^(?:%s)$"); err != nil {
		return nil, err
	}
	d := detect.NewDetector(cfg)
	d.IgnoreGitleaksAllow = true
	return d, nil
}

// valuesOnly keeps of the allow-lists only what speaks of the value that was
// found, such as that ${NAME} is a placeholder. What speaks of the path, the
// commit or the rest of the line would be a way round. form anchors the patterns:
// gitleaks' own global ones allow every value that has "false" in it.
func valuesOnly(lists []*config.Allowlist, form string) ([]*config.Allowlist, error) {
	var kept []*config.Allowlist
	for _, list := range lists {
		if list.RegexTarget == "line" || list.MatchCondition == config.AllowlistMatchAnd {
			continue
		}
		values := &config.Allowlist{Description: list.Description, RegexTarget: list.RegexTarget, StopWords: list.StopWords}
		for _, r := range list.Regexes {
			anchored, err := regexp.Compile(fmt.Sprintf(form, r.String()))
			if err != nil {
				return nil, fmt.Errorf("anchoring an allow-list: %w", err)
			}
			values.Regexes = append(values.Regexes, anchored)
		}
		if len(values.Regexes)+len(values.StopWords) == 0 {
			continue
		}
		if err := values.Validate(); err != nil {
			return nil, fmt.Errorf("compiling an allow-list: %w", err)
		}
		kept = append(kept, values)
	}
	return kept, nil
}
