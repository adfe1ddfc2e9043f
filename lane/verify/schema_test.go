package verify_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/lane/verify"
)

func TestSchemaAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, verify.Schema(), verify.Verdict{})
}

func TestSchemaTakesVerdicts(t *testing.T) {
	schema := schematest.Compile(t, verify.Schema())
	for _, e := range []verify.Evidence{accepted(t), {Names: accepted(t).Names, At: now}} {
		data, err := verify.Judge(e).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := schematest.Valid(t, schema, data); err != nil {
			t.Error(err)
		}
		for _, r := range [][2]string{{`"Verdict"`, `"Plan"`}, {`"rule": "I3"`, `"rule": "Z3"`}, {`"accepted"`, `"approved"`}} {
			bad := strings.ReplaceAll(string(data), r[0], r[1])
			if bad == string(data) || schematest.Valid(t, schema, []byte(bad)) == nil {
				t.Errorf("%s is taken", r[1])
			}
		}
	}
}
