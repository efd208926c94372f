package job

import "testing"

func TestAddedTo(t *testing.T) {
	const own, event = "https://h.example/own.run", "2026-11-22T21:31:00Z start 5 - host 7\n"
	for tail, want := range map[string]Appended{
		"":                          {},
		event:                       {Rest: []byte(event)},
		event + "sha256 ab\n":       {Options: "sha256 ab\n", Rest: []byte(event + "sha256 ab\n")},
		"# a note\n\n" + own + "\n": {Rest: []byte("# a note\n\n" + own + "\n")},
		"https://h.example/2\n" + event + "accept any\r\nnonsense\n" + own + "\naccept http\n": {Options: "accept http\n",
			URLs: "https://h.example/2\naccept any\nnonsense\n", Rest: []byte(event + own + "\naccept http\n")},
		"ftp://h.example/3\nhttps://h.example/half": {URLs: "ftp://h.example/3\nhttps://h.example/half\n"},
	} {
		if got := SplitAppended([]byte(tail), own); got.Options != want.Options || got.URLs != want.URLs || string(got.Rest) != string(want.Rest) {
			t.Errorf("%q: %q, %q, %q", tail, got.Options, got.URLs, got.Rest)
		}
	}
}
