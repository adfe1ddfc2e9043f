package kube

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// list is a page of a list. Client-go's own decoder reads the bytes of a page four
// times; with a thousand services that is most of a verdict.
type list struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   metav1.ListMeta `json:"metadata"`
	Items      []item          `json:"items"`
}

// item is an object as client-go has it: whole numbers are int64, others float64.
type item map[string]any

// omission is a member that is left out, by name; one that has others of its own is
// read without those.
type omission map[string]omission

// omitted are the members at the ends of paths, such as status.pipelineSpec. What is
// named below a list is a member of its elements.
func omitted(paths []string) omission {
	all := omission{}
	for _, path := range paths {
		at := all
		for name := range strings.SplitSeq(path, ".") {
			if at[name] == nil {
				at[name] = omission{}
			}
			at = at[name]
		}
	}
	return all
}

// items reads the items of a list, each without the members of omit.
func items(omit omission) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, i *item) error {
		if d.PeekKind() != '{' {
			return errors.New("an item of the list is no object")
		}
		v, err := value(d, omit)
		if err == nil {
			*i = v.(map[string]any)
		}
		return err
	})
}

// value reads the next value without the members of omit.
func value(d *jsontext.Decoder, omit omission) (any, error) {
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		m := map[string]any{}
		for d.PeekKind() == '"' {
			key, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			name := key.String()
			within, without := omit[name]
			if without && len(within) == 0 {
				err = d.SkipValue()
			} else {
				m[name], err = value(d, within)
			}
			if err != nil {
				return nil, err
			}
		}
		_, err = d.ReadToken()
		return m, err
	case '[':
		l := []any{}
		for d.PeekKind() != ']' {
			v, err := value(d, omit)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		_, err = d.ReadToken()
		return l, err
	case '0':
		return number(tok.String())
	case '"':
		return tok.String(), nil
	case 'n':
		return nil, nil
	}
	return tok.Bool(), nil
}

// number is what a JSON number says.
func number(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %s is too large", text)
	}
	return f, nil
}

// head is what a page says of its list.
type head struct {
	kind     string
	meta     metav1.ListMeta
	from, to int64 // where in the page the metadata stands
}

// about reads what a page says of its list, which API servers write before the items of
// all kinds that are their own. The rest may be anything.
func about(data []byte) (h head, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	tok, err := d.ReadToken()
	if err == nil && tok.Kind() != '{' {
		err = errors.New("it is no object")
	}
	for missing := 2; err == nil && missing > 0 && d.PeekKind() == '"'; {
		if tok, err = d.ReadToken(); err != nil {
			break
		}
		switch tok.String() {
		case "kind":
			err = json.UnmarshalDecode(d, &h.kind)
			missing--
		case "metadata":
			h.from = d.InputOffset()
			err = json.UnmarshalDecode(d, &h.meta)
			h.to = d.InputOffset()
			missing--
		default:
			err = d.SkipValue()
		}
	}
	if err != nil {
		return h, fmt.Errorf("reading the list that the server sent: %w", err)
	}
	return h, nil
}

// decode reads a page, its items without the members at the paths of omit. Servers
// leave out what the items of a list of one kind are; they are said to be what the list
// is of.
func decode(data []byte, omit ...string) (*list, error) {
	l := new(list)
	if err := json.Unmarshal(data, l, json.WithUnmarshalers(items(omitted(omit)))); err != nil {
		return nil, fmt.Errorf("reading the list that the server sent: %w", err)
	}
	kind, ok := strings.CutSuffix(l.Kind, "List")
	if !ok {
		return nil, notList(l.Kind)
	}
	for _, i := range l.Items {
		ofVersion, _ := i["apiVersion"].(string)
		ofKind, _ := i["kind"].(string)
		if ofVersion == "" && ofKind == "" {
			i["apiVersion"], i["kind"] = l.APIVersion, kind
		}
	}
	return l, nil
}

func notList(kind string) error {
	return fmt.Errorf("the server answers with a %q, not with a list", kind)
}

// objects are the items of the page.
func (l *list) objects() []unstructured.Unstructured {
	all := make([]unstructured.Unstructured, len(l.Items))
	for i, o := range l.Items {
		all[i].Object = o
	}
	return all
}
