package golang

import "encoding/binary"

// encode is f as bytes, for a Memo.
func (f *folder) encode() []byte {
	var e encoder
	e.flag(f.exists)
	e.flag(f.asks)
	e.bytes([]byte(f.name))
	e.bytes([]byte(f.problem))
	for _, list := range f.lists() {
		e = binary.AppendUvarint(e, uint64(len(*list)))
		for _, s := range *list {
			e.bytes([]byte(s))
		}
	}
	return e
}

// decodeFolder is the reverse; false for anything that encode did not write.
func decodeFolder(data []byte) (*folder, bool) {
	d := decoder{rest: data}
	f := &folder{exists: d.flag(), asks: d.flag(), name: string(d.bytes()), problem: string(d.bytes())}
	for _, list := range f.lists() {
		n := d.number()
		if n > uint64(len(d.rest)) {
			return nil, false
		}
		for range n {
			*list = append(*list, string(d.bytes()))
		}
	}
	return f, !d.bad && len(d.rest) == 0
}

func (f *folder) lists() []*[]string {
	return []*[]string{&f.goFiles, &f.asmFiles, &f.headers, &f.objects, &f.imports, &f.embeds, &f.outside}
}

type encoder []byte

func (e *encoder) bytes(b []byte) {
	*e = append(binary.AppendUvarint(*e, uint64(len(b))), b...)
}

func (e *encoder) flag(b bool) {
	n := byte(0)
	if b {
		n = 1
	}
	*e = append(*e, n)
}

// decoder reads what an encoder wrote. After the first thing that does not fit
// bad is set and everything is empty.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) bytes() []byte {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) flag() bool { return d.number() == 1 }
