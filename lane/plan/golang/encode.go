package golang

import "github.com/pikasTech/agentrun/internal/memo"

// encode is f as bytes, for a memo.
func (f *folder) encode() []byte {
	var e memo.Encoder
	e.Flag(f.exists)
	e.Flag(f.asks)
	e.String(f.name)
	e.String(f.problem)
	for _, list := range f.lists() {
		e.Strings(*list)
	}
	return e
}

// decodeFolder is the reverse; false for anything that encode did not write.
func decodeFolder(data []byte) (*folder, bool) {
	d := memo.NewDecoder(data)
	f := &folder{exists: d.Flag(), asks: d.Flag(), name: d.String(), problem: d.String()}
	for _, list := range f.lists() {
		*list = d.Strings()
	}
	return f, d.OK()
}

func (f *folder) lists() []*[]string {
	return []*[]string{&f.goFiles, &f.asmFiles, &f.headers, &f.objects, &f.imports, &f.embeds, &f.outside}
}
