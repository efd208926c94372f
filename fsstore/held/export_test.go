package held

// What the tests in this folder reach of the inside.

func (m *Meta) Encode() ([]byte, error) { return m.encode() }

func (m *Meta) Decode(b []byte) error { return m.decode(b) }

var ScanMeta = scanMeta
