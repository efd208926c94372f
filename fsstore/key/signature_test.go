package key

import (
	"strings"
	"testing"
)

// Each scheme of the table, by the example of its documentation: it is dropped whole, and what is
// missing, twice or odd in it makes it an ordinary query.
func TestSignature(t *testing.T) {
	for i := range signatures {
		sig := &signatures[i]
		query := example(sig)
		host := strings.TrimPrefix(sig.host+".example.com", ".")
		if sig.host != "" {
			host = sig.host
		}
		u := "https://" + host + "/a/model.safetensors?v=1&" + strings.Join(query, "&")
		if got := parsed(t, u); got != "https://"+host+"/a/model.safetensors?v=1" {
			t.Errorf("%s: %s is %s", sig.by, u, got)
		}
		if sig.host != "" && !signed(sig, "other.example", query) && parsed(t, strings.Replace(u, host, "my-"+host, 1)) == "https://my-"+host+"/a/model.safetensors?v=1" {
			t.Errorf("%s: taken for a signature of another host", sig.by)
		}
		for j := range sig.need {
			less := append(append([]string{}, query[:j]...), query[j+1:]...)
			if signed(sig, host, less) {
				t.Errorf("%s: recognised without %s", sig.by, sig.need[j].name)
			}
		}
		for _, p := range query {
			name, _, _ := strings.Cut(p, "=")
			odds := []string{p, name + "=2", name, name + "="}
			if len(name) > 100 {
				odds = odds[:1] // what has no name is told by its form
			}
			for _, odd := range odds {
				if signed(sig, host, append(query[:len(query):len(query)], odd)) {
					t.Errorf("%s: recognised beside a second %s", sig.by, odd)
				}
			}
		}
	}
}

func parsed(t *testing.T, raw string) string {
	u, err := Parse(raw, Auto)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// signed reports whether one scheme takes anything out of a query.
func signed(sig *signature, host string, query []string) bool {
	var q params
	q.split(strings.Join(query, "&"))
	if sig.appliesTo(host) {
		q.dropSet(sig)
	}
	return q.by != [maxParams]string{}
}

// example is a query of a scheme's own: what it needs and what may be there.
func example(sig *signature) (query []string) {
	seen := map[string]bool{}
	for _, list := range [][]param{sig.need, sig.may} {
		for _, p := range list {
			if seen[p.name] {
				continue
			}
			seen[p.name] = true
			for _, v := range []string{
				"a", "1700000000", "2026-11-28", "AWS4-HMAC-SHA256", "GOOG4-RSA-SHA256", "OSS4-HMAC-SHA256", "TOS4-HMAC-SHA256", "bce-auth-v1/a", "eyJscyI6ImEifQ",
				"exp=1700000000~acl=/*~hmac=" + strings.Repeat("0a", 32), "1700000000_" + strings.Repeat("0a", 16), "1700000000_" + strings.Repeat("0a", 20),
				"1700000000-0-0-" + strings.Repeat("0a", 16), strings.Repeat("k", 40) + ":" + strings.Repeat("s", 27) + "=", strings.Repeat("t", 43),
				strings.Repeat("m", 22), strings.Repeat("n", 200) + "==",
			} {
				if p.fits(v) {
					if p.name != "" {
						v = p.name + "=" + v
					}
					query = append(query, v)
					break
				}
			}
		}
	}
	return query
}

// What rides beside a signature and chooses the content, or the name under which it is saved,
// stays.
func TestSignatureKeepsWhatChooses(t *testing.T) {
	const aws = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k&X-Amz-Date=20261128T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0a"
	const azure = "sv=2024-11-04&se=2026-11-28T21%3A27%3A26Z&sr=b&sp=r&sig=a%2Bb%3D"
	for _, sig := range []string{aws, azure, "GoogleAccessId=a&Expires=1700000000&Signature=b", "OSSAccessKeyId=a&Expires=1700000000&Signature=b"} {
		for _, p := range []string{
			"versionId=3", "partNumber=1", "snapshot=2026-01-01T00:00:00.0000000Z", "versionid=2026", "generation=2", "response-content-disposition=attachment%3Bfilename%3Da",
			"response-content-type=text/plain", "rscd=a", "rsct=b", "x-oss-process=image/resize,w_100", "alt=media", "userProject=p", "comp=list", "h=1", "token=a", "x-amz-signature=b",
		} {
			for _, u := range []string{p + "&" + sig, sig + "&" + p} {
				if got, want := parsed(t, "https://h.example/f?"+u), "https://h.example/f?"+p; got != want {
					t.Errorf("%s: %s", u, got)
				}
			}
		}
	}
}

// A query of more parameters than anybody signs is kept whole, in no time.
func TestSignatureOfVeryMany(t *testing.T) {
	u := "https://h/f?sig=a&se=2026-11-28&sp=r" + strings.Repeat("&a", maxParams-3)
	if got := parsed(t, u); got != "https://h/f?"+strings.Repeat("&a", maxParams-3)[1:] {
		t.Error(got)
	}
	if got := parsed(t, u+"&a"); got != u+"&a" {
		t.Error(got)
	}
}
