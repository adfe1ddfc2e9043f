package memo

import "encoding/binary"

// Encoder makes bytes of values, each with its length, so that no two lists of
// values run together.
type Encoder []byte

// Bytes adds b.
func (e *Encoder) Bytes(b []byte) {
	*e = append(binary.AppendUvarint(*e, uint64(len(b))), b...)
}

// String adds s.
func (e *Encoder) String(s string) {
	*e = append(binary.AppendUvarint(*e, uint64(len(s))), s...)
}

// Strings adds a list.
func (e *Encoder) Strings(list []string) {
	*e = binary.AppendUvarint(*e, uint64(len(list)))
	for _, s := range list {
		e.String(s)
	}
}

// Flag adds b.
func (e *Encoder) Flag(b bool) {
	n := byte(0)
	if b {
		n = 1
	}
	*e = append(*e, n)
}

// Decoder reads what an Encoder wrote. After the first thing that does not fit
// everything is empty, and OK is false.
type Decoder struct {
	rest []byte
	bad  bool
}

// NewDecoder reads data, which is kept.
func NewDecoder(data []byte) *Decoder { return &Decoder{rest: data} }

// Done reports whether nothing is left to read, or nothing fits any more.
func (d *Decoder) Done() bool { return d.bad || len(d.rest) == 0 }

// OK reports whether all was read and all fitted.
func (d *Decoder) OK() bool { return !d.bad && len(d.rest) == 0 }

// Bytes reads what Encoder.Bytes added; it shares the decoder's data.
func (d *Decoder) Bytes() []byte {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// String reads what Encoder.String added.
func (d *Decoder) String() string { return string(d.Bytes()) }

// Strings reads what Encoder.Strings added.
func (d *Decoder) Strings() []string {
	n := d.number()
	if n > uint64(len(d.rest)) { // each takes a byte at least
		d.bad, d.rest = true, nil
		return nil
	}
	var list []string
	for range n {
		list = append(list, d.String())
	}
	return list
}

// Flag reads what Encoder.Flag added.
func (d *Decoder) Flag() bool { return d.number() == 1 }

func (d *Decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}
