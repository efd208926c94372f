package main

import (
	stdbytes "bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestNoServerSpeaksToTheTerminal: whatever a server answers, no control character of it is printed.
func TestNoServerSpeaksToTheTerminal(t *testing.T) {
	const evil = `\u001b]0;canary\u0007\u009b31m\u007f\u202e\udb40\udc41`
	row := `{"name":"E","state":"E","url":"E","key":"E","note":"E","event":"E","reason":"E","sha256":"E",
		"rule":"E","hints":["E"],"denied":"E","broken":"E","final_url":"E","redirects":["E"],"log":["E"],
		"date":"E","days":[{"date":"E","n":{"hits":1}}],"saved":[{"url":"E","hits":1}],
		"costly":[{"url":"E","asked":1}],"todo":["E"],"to_do":["E"],"approved":{"via":"E","addr":"E"},
		"fetched":"2030-01-31T02:00:00Z","text":"E","time":"2030-01-31T02:00:00Z"}`
	row = strings.NewReplacer("E", evil, "\n", "").Replace(row)
	answers := map[string]string{
		"log": row, "stats": row, "why": row[:len(row)-1] + `,"jobs":[` + row + `],"artifact":` + row + `}`,
		"artifacts": `{"artifacts":[` + row + `],"broken":[{"key":"` + evil + `","why":"` + evil + `"}]}`,
		"status":    `{"todo":["` + evil + `"],"to_do":["` + evil + `"],"failed":[{"key":"` + evil + `","reason":"` + evil + `"}]}`,
		"counts":    `{"jobs":{"misses":1,"failed":1}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/api/v1/")
		if strings.HasPrefix(name, "jobs/") {
			w.Write([]byte(`{"jobs":[` + row + `]}`)) //nolint:errcheck // the test would see it
			return
		}
		w.Write([]byte(answers[name] + "\n")) //nolint:errcheck // the test would see it
	}))
	defer server.Close()
	far := way{newProcess(t, ""), []string{"--server", server.URL}}
	for _, call := range []string{"why https://h.example/x", "why --json https://h.example/x", "stats", "status",
		"status --json", "log", "log --json", "ls", "ls misses", "ls --json misses", "ls failed", "ls active",
		"ls artifacts", "ls --json artifacts"} {
		r := far.run("", strings.Fields(call)...)
		if !strings.Contains(r.stdout, "canary") {
			t.Errorf("%s: the answer is not shown: %+v", call, r)
		}
		for _, c := range r.stdout + r.stderr {
			if c != '\n' && !strconv.IsPrint(c) {
				t.Errorf("%s prints %U: %+q", call, c, r.stdout+r.stderr)
				break
			}
		}
	}
}

// TestPrintedJSON: what is escaped is the same value.
func TestPrintedJSON(t *testing.T) {
	want := map[string]string{"key": "a\u009b\u007f\u202e\U000e0041\x1b<é> \"\\\u2028\U0001f600"}
	var out stdbytes.Buffer
	if err := printJSON(&out, want); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	err := json.Unmarshal(out.Bytes(), &got)
	if err != nil || !reflect.DeepEqual(got, want) || strings.ContainsAny(out.String(), "\u009b\u007f\u202e\U000e0041\x1b") {
		t.Errorf("%+q: %+q, %v", &out, got, err)
	}
}
