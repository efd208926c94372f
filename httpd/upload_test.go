package httpd

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sendFile uploads body with the fields before it, as the page's form does.
func (w *world) sendFile(body string, fields ...string) (int, string) {
	w.t.Helper()
	return w.sendForm(append(fields, "file", body)...)
}

// sendForm sends these fields in this order.
func (w *world) sendForm(fields ...string) (int, string) {
	w.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for i := 0; i < len(fields); i += 2 {
		if fields[i] != "file" {
			w.must(m.WriteField(fields[i], fields[i+1]))
			continue
		}
		part, err := m.CreateFormFile("file", "carried")
		w.must(err)
		_, err = part.Write([]byte(fields[i+1]))
		w.must(err)
	}
	w.must(m.Close())
	resp, err := http.Post(w.url("/admin/upload"), m.FormDataContentType(), &form)
	w.must(err)
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	w.must(err)
	return resp.StatusCode, text.String()
}

// TestUploadIsJudged: what is carried in is what its URL's name says, as a
// download is, unless the form says that it need not be.
func TestUploadIsJudged(t *testing.T) {
	const page = "<!DOCTYPE html><title>Sign in</title>"
	for _, c := range []struct {
		name, body string
		accept     []string
		held       bool
		want       string
	}{
		{"x.run", "#!/bin/sh\n", nil, true, ""},
		{"x.run", page, nil, false, "an HTML page came where a .run was expected"},
		{"x.run", page, []string{"http"}, false, "accept=text/html"},
		{"x.run", page, []string{"text/html"}, true, ""},
		{"x.run", page, []string{"any"}, true, ""},
		{"x.html", page, nil, true, ""},
		{"x.tar.gz", "plain", nil, false, "accept=any"},
		{"x.tar.gz", "plain", []string{"text/html"}, false, "the bytes are no gzip"},
		{"x.tar.gz", "plain", []string{"text/html", "any"}, true, ""},
		{"x.bin", "", nil, false, "the file is empty"},
		{"x.txt", "", nil, true, ""},
	} {
		w := newWorld(t, Options{})
		rawURL := "https://vendor.example/" + c.name
		fields := []string{"url", rawURL}
		for _, v := range c.accept {
			fields = append(fields, "accept", v)
		}
		code, text := w.sendFile(c.body, fields...)
		_, err := w.store.Lookup(rawURL)
		if held := err == nil; held != c.held || (code == http.StatusUnprocessableEntity) == c.held || !strings.Contains(text, c.want) {
			t.Errorf("%s %.9q accept %v: %d, held %v: %s", c.name, c.body, c.accept, code, held, text)
		}
		if w.files("done") == 0 == c.held || w.files("tmp") > 0 {
			t.Errorf("%s %.9q accept %v: %d files in done/, %d in tmp/", c.name, c.body, c.accept, w.files("done"), w.files("tmp"))
		}
	}
	if code, text := newWorld(t, Options{}).sendFile("x", "url", "https://vendor.example/x.run", "accept", "all"); code != http.StatusBadRequest {
		t.Errorf("accept=all: %d %s", code, text)
	}
}

// TestUploadWithFieldsAfterTheFile: none is dropped in silence.
func TestUploadWithFieldsAfterTheFile(t *testing.T) {
	const url = "https://vendor.example/x.run"
	for _, after := range [][]string{{"sha256", strings.Repeat("0", 64)}, {"accept", "any"}, {"file", "another"}} {
		w := newWorld(t, Options{})
		code, text := w.sendForm(append([]string{"url", url, "file", "#!/bin/sh\n"}, after...)...)
		if code != http.StatusBadRequest || !strings.Contains(text, "fields after file=") {
			t.Errorf("%s: %d %s", after[0], code, text)
		}
		if _, err := w.store.Lookup(url); err == nil {
			t.Errorf("%s: held", after[0])
		}
	}
}

// TestUploadBeforeTheFile: what stands before the file, and after it, is read no
// further than any form is, be it one header of a part or a row of small parts.
func TestUploadBeforeTheFile(t *testing.T) {
	const (
		field = "--B\r\nContent-Disposition: form-data; name=\"%s\"\r\n"
		url   = "--B\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://vendor.example/x.run\r\n"
		file  = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.run\"\r\n\r\n"
	)
	many := strings.Repeat(fmt.Sprintf(field, "other")+"\r\nv\r\n", 40_000)
	long := fmt.Sprintf(field, "url") + "X-Long: " + strings.Repeat("a", 2<<20)
	for name, c := range map[string]struct {
		before string
		code   int
	}{
		"a long header":            {long, http.StatusRequestEntityTooLarge},
		"many parts":               {many, http.StatusRequestEntityTooLarge},
		"a long value":             {fmt.Sprintf(field, "url") + "\r\n" + strings.Repeat("a", 2<<20), http.StatusRequestEntityTooLarge},
		"a header behind the file": {url + file + "#!/bin/sh\n\r\n" + long, http.StatusBadRequest},
		"a long file":              {url + file + "#!/bin/sh\n" + strings.Repeat("a", 2<<20) + "\r\n--B--\r\n", http.StatusSeeOther},
	} {
		w := newWorld(t, Options{})
		body := strings.NewReader(c.before)
		r := httptest.NewRequest(http.MethodPost, "/admin/upload", body)
		r.Host = "localhost"
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		r.Header.Set("Accept", "text/html")
		got := httptest.NewRecorder()
		w.srv.ServeHTTP(got, r)
		if read := len(c.before) - body.Len(); got.Code != c.code || got.Code != http.StatusSeeOther && read > 256<<10 {
			t.Errorf("%s: %d, and %d bytes were read: %.200s", name, got.Code, read, got.Body)
		}
	}
}
