package key

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The URLs of vendors, signed and not: which are one artifact, and which are two.
func TestRealURLs(t *testing.T) {
	text, err := os.ReadFile("testdata/urls.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		word := strings.Fields(line)
		if len(word) == 0 || word[0] == "#" {
			continue
		}
		if len(word) != 3 || word[0] != "one" && word[0] != "two" {
			t.Fatalf("no pair: %s", line)
		}
		seen[word[1]], seen[word[2]] = true, true
		a, b := mustParse(t, word[1]), mustParse(t, word[2])
		if same := a.Sum() == b.Sum(); same != (word[0] == "one") || same != (a.Key() == b.Key()) || same != SameButSignature(word[1], word[2]) {
			t.Errorf("%s artifact:\n%s\n%s", word[0], a, b)
		}
		for _, u := range []URL{a, b} {
			if want := naive(u.Whole()); want != u.String() {
				t.Errorf("by hand it is\n%s, and not\n%s", want, u)
			}
		}
	}
	if len(seen) < 150 {
		t.Errorf("%d URLs", len(seen))
	}
}

// The schemes once more, as their documentation has them: the names that must all be there, and
// after a "|" those that may. It is written apart from the table, and holds for any value: what the
// table drops, this drops too.
var documented = []string{
	"X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders X-Amz-Signature | X-Amz-Security-Token X-Amz-Content-Sha256 X-Amz-Region-Set X-Amz-S3session-Token",
	"AWSAccessKeyId Signature Expires | x-amz-security-token",
	"Expires Signature Key-Pair-Id | Hash-Algorithm",
	"Policy Signature Key-Pair-Id | Hash-Algorithm",
	"X-Goog-Algorithm X-Goog-Credential X-Goog-Date X-Goog-Expires X-Goog-SignedHeaders X-Goog-Signature",
	"GoogleAccessId Expires Signature",
	"KeyName Expires Signature | URLPrefix",
	"sig se sp | sv sr st ss srt sip spr si sdd ses skoid sktid skt ske sks skv saoid suoid scid",
	"sig sv sr si | se sp st ss srt sip spr sdd ses skoid sktid skt ske sks skv saoid suoid scid",
	"hdnea", "hdnts", "__token__", "__gda__", "token", "auth_key", "sign", "authorization",
	"OSSAccessKeyId Expires Signature | security-token",
	"x-oss-signature-version x-oss-credential x-oss-date x-oss-expires x-oss-signature | x-oss-additional-headers x-oss-security-token",
	"q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list q-signature | x-cos-security-token",
	"AccessKeyId Expires Signature | x-obs-security-token",
	"X-Tos-Algorithm X-Tos-Credential X-Tos-Date X-Tos-Expires X-Tos-SignedHeaders X-Tos-Signature | X-Tos-Security-Token",
	"e token",
	"b-cdn.net: token expires | token_path token_countries token_countries_blocked",
	"md5 expires",
	"hf.co: Policy Signature Key-Pair-Id | X-Xet-Cas-Uid user_id xip",
	"githubusercontent.com: X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders X-Amz-Signature actor_id key_id",
	"githubusercontent.com: sig se sp jwt",
	"developer.download.nvidia.com: t",
}

var base64 = regexp.MustCompile(`^[\w-]*=*$`)

// naive takes out of a URL, in its simplest form, every set of documented that is there once.
func naive(u string) string {
	path, query, _ := strings.Cut(u, "?")
	host := strings.Split(path, "/")[2]
	host, _, _ = strings.Cut(host, ":")
	params := strings.Split(query, "&")
	drop := map[string]bool{}
	for _, d := range documented {
		if of, names, ok := strings.Cut(d, ": "); ok {
			if host != of && !strings.HasSuffix(host, "."+of) {
				continue
			}
			d = names
		}
		need, may, _ := strings.Cut(d, " | ")
		if names := strings.Fields(need); whole(params, names, strings.Fields(may)) && plausible(params, names) {
			for _, name := range append(names, strings.Fields(may)...) {
				drop[name] = true
			}
		}
	}
	var stay []string
	for _, p := range params {
		name, _, _ := strings.Cut(p, "=")
		nameless := host == "developer.download.nvidia.com" && drop["t"] && len(p) >= 100 && base64.MatchString(p)
		if !drop[name] && !nameless {
			stay = append(stay, p)
		}
	}
	if query = strings.Join(stay, "&"); query == "" {
		return path
	}
	return path + "?" + query
}

// whole reports whether each name of a set is there once and each of the others once at most, all
// with a value.
func whole(params, need, may []string) bool {
	for _, name := range append(append([]string{}, need...), may...) {
		n := 0
		for _, p := range params {
			own, value, _ := strings.Cut(p, "=")
			if own != name {
				continue
			}
			if _, more, _ := strings.Cut(value, ";"); strings.Contains(more, "=") {
				return false // there it is more than one
			}
			if n++; value == "" && name != "q-header-list" && name != "q-url-param-list" {
				return false
			}
		}
		if n > 1 || n == 0 && slices.Contains(need, name) {
			return false
		}
	}
	return true
}

// plausible reports of a name that others use as well whether its value looks like that of the
// scheme: roughly, by its length and a mark that only that has.
func plausible(params, need []string) bool {
	mark := map[string]string{"hdnea": "~hmac=", "hdnts": "~hmac=", "__token__": "~hmac=", "authorization": "bce-auth-v1", "auth_key": "-", "sign": "-", "t": "eyJscyI6", "jwt": "eyJ"}
	for _, name := range need {
		for _, p := range params {
			own, value, _ := strings.Cut(p, "=")
			if own != name {
				continue
			}
			least, has := 1, mark[name]
			switch {
			case name == "q-header-list", name == "q-url-param-list":
				least = 0
			case name == "token" && len(need) == 1:
				least, has = 50, "_"
			case name == "token" && slices.Contains(need, "e"):
				least, has = 60, ":"
			case name == "token":
				least = 43
			case name == "__gda__":
				least = 20
			case name == "md5":
				least = 22
			case name == "auth_key", name == "sign":
				least = 40
			case name == "expires", name == "e":
				least = 10
			case name == "se", name == "sv":
				least = 10
			}
			if len(value) < least || !strings.Contains(value, has) {
				return false
			}
		}
	}
	return true
}

// No URL loses more than the sets that are documented, and two have one identity only if what is left
// of them is the same.
func FuzzIdentity(f *testing.F) {
	text, err := os.ReadFile("testdata/urls.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if word := strings.Fields(line); len(word) == 3 {
			_, a, _ := strings.Cut(word[1], "://")
			_, query, _ := strings.Cut(word[2], "?")
			f.Add(a, query)
			a, own, _ := strings.Cut(a, "?")
			f.Add(a+"?v=1", own)
		}
	}
	f.Fuzz(func(t *testing.T, a, more string) {
		var u [2]URL
		for i, raw := range []string{a, a + "&" + more} {
			var err error
			if u[i], err = Parse("https://"+raw, Auto); err != nil {
				return
			}
			kept, all := u[i].String(), u[i].Whole()
			if !subsequence(kept, all) {
				t.Fatalf("%s is nothing that is left of %s", kept, all)
			}
			if by := naive(all); !subsequence(by, kept) {
				t.Fatalf("of %s no more may go than leaves\n%s, and it is\n%s", all, by, kept)
			}
		}
		kept := u[0].String() == u[1].String()
		if same := u[0].Sum() == u[1].Sum(); same != kept || same != (u[0].Key() == u[1].Key()) {
			t.Fatalf("%s and %s", u[0], u[1])
		}
	})
}

// subsequence reports whether one URL is the other without some of its parameters.
func subsequence(part, all string) bool {
	path, query, is := strings.Cut(part, "?")
	whole, of, _ := strings.Cut(all, "?")
	if path != whole {
		return false
	}
	left := strings.Split(of, "&")
	for p := range strings.SplitSeq(query, "&") {
		i := slices.Index(left, p)
		if i < 0 {
			return !is
		}
		left = left[i+1:]
	}
	return true
}
