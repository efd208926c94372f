package key

import (
	"slices"
	"strings"
)

// signature is one scheme of signed URLs: the parameters that prove who may download, and until
// when, and that choose no content. It is recognised by its whole set of parameters, never by one
// name that others use too: "sig" beside "se" and "sp", "Expires" beside "Signature".
//
// A parameter that chooses content is in no set, and stays: S3's versionId, Azure's snapshot and
// versionid, Google's generation, partNumber, x-oss-process. So does one that names the answer's
// header (response-content-disposition, rscd), because the header is served too, and names the
// file.
type signature struct {
	by   string  // the vendor, for people
	host string  // the domain whose private scheme it is; "" where the vendor documents it for any host
	need []param // all of them must be there
	may  []param // these belong to it where they are there
}

// param is a parameter's exact name, and the form of its value.
type param struct {
	name string
	fits func(value string) bool
}

// sigV4 is https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
var sigV4 = []param{
	{"X-Amz-Algorithm", begins("AWS4-")}, {"X-Amz-Credential", isSome}, {"X-Amz-Date", isSome}, {"X-Amz-Expires", isNumber},
	{"X-Amz-SignedHeaders", isSome}, {"X-Amz-Signature", isSome},
}

// sas is https://learn.microsoft.com/rest/api/storageservices/create-service-sas
var sas = []param{{"sig", isToken}, {"se", isDay}, {"sp", isLetters}}

// signatures are the only parameters that are dropped without an operator's rule. A new scheme
// needs a link to the vendor's documentation, every name that it must have, and a form for each
// name that others use too.
var signatures = [...]signature{
	{by: "AWS Signature Version 4", need: sigV4, may: []param{{"X-Amz-Security-Token", isSome}, {"X-Amz-Content-Sha256", isSome}, {"X-Amz-Region-Set", isSome}, {"X-Amz-S3session-Token", isSome}}},
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html, "Query string
	// request authentication alternative"
	{by: "AWS Signature Version 2", need: []param{{"AWSAccessKeyId", isSome}, {"Signature", isSome}, {"Expires", isNumber}}, may: []param{{"x-amz-security-token", isSome}}},
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
	{by: "CloudFront", need: []param{{"Expires", isNumber}, {"Signature", isSome}, {"Key-Pair-Id", isSome}}, may: []param{{"Hash-Algorithm", isSome}}},
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
	{by: "CloudFront", need: []param{{"Policy", isSome}, {"Signature", isSome}, {"Key-Pair-Id", isSome}}, may: []param{{"Hash-Algorithm", isSome}}},
	// https://cloud.google.com/storage/docs/authentication/canonical-requests#required-query-parameters
	{by: "Google Cloud Storage V4", need: []param{
		{"X-Goog-Algorithm", begins("GOOG4-")}, {"X-Goog-Credential", isSome}, {"X-Goog-Date", isSome}, {"X-Goog-Expires", isNumber},
		{"X-Goog-SignedHeaders", isSome}, {"X-Goog-Signature", isSome},
	}},
	// https://cloud.google.com/storage/docs/access-control/signed-urls-v2
	{by: "Google Cloud Storage V2", need: []param{{"GoogleAccessId", isSome}, {"Expires", isNumber}, {"Signature", isSome}}},
	// https://cloud.google.com/cdn/docs/using-signed-urls
	{by: "Google Cloud CDN", need: []param{{"KeyName", isSome}, {"Expires", isNumber}, {"Signature", isSome}}, may: []param{{"URLPrefix", isSome}}},
	{by: "Azure shared access signature", need: sas, may: sasFields},
	// https://learn.microsoft.com/rest/api/storageservices/define-stored-access-policy: it says se
	// and sp
	{by: "Azure shared access signature", need: []param{{"sig", isToken}, {"sv", isDay}, {"sr", isLetters}, {"si", isSome}}, may: sasFields},
	// https://techdocs.akamai.com/adaptive-media-delivery/docs/add-token-auth, the names by which
	// it is mostly met
	{by: "Akamai", need: []param{{"hdnea", isEdgeToken}}},
	{by: "Akamai", need: []param{{"hdnts", isEdgeToken}}},
	{by: "Akamai", need: []param{{"__token__", isEdgeToken}}},
	{by: "Akamai", need: []param{{"__gda__", isGDA}}},
	// https://www.fastly.com/documentation/solutions/examples/url-token-validation
	{by: "Fastly", need: []param{{"token", isFastly}}},
	// https://www.alibabacloud.com/help/en/oss/developer-reference/ddd-signatures-to-urls
	{by: "Alibaba Cloud OSS V1", need: []param{{"OSSAccessKeyId", isSome}, {"Expires", isNumber}, {"Signature", isSome}}, may: []param{{"security-token", isSome}}},
	// https://www.alibabacloud.com/help/en/oss/developer-reference/add-signatures-to-urls
	{by: "Alibaba Cloud OSS V4", need: []param{
		{"x-oss-signature-version", begins("OSS4-")}, {"x-oss-credential", isSome}, {"x-oss-date", isSome}, {"x-oss-expires", isNumber}, {"x-oss-signature", isSome},
	}, may: []param{{"x-oss-additional-headers", isSome}, {"x-oss-security-token", isSome}}},
	// https://www.alibabacloud.com/help/en/cdn/user-guide/type-a-signing, and Tencent's of the same
	// form below
	{by: "Alibaba Cloud CDN", need: []param{{"auth_key", isTypeA}}},
	// https://www.tencentcloud.com/document/product/436/7778
	{by: "Tencent Cloud COS", need: []param{
		{"q-sign-algorithm", isSome}, {"q-ak", isSome}, {"q-sign-time", isSome}, {"q-key-time", isSome}, {"q-header-list", isAny}, {"q-url-param-list", isAny}, {"q-signature", isSome},
	}, may: []param{{"x-cos-security-token", isSome}}},
	// https://www.tencentcloud.com/document/product/228/35231
	{by: "Tencent Cloud CDN", need: []param{{"sign", isTypeA}}},
	// https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0011.html
	{by: "Huawei Cloud OBS", need: []param{{"AccessKeyId", isSome}, {"Expires", isNumber}, {"Signature", isSome}}, may: []param{{"x-obs-security-token", isSome}}},
	// https://docs.volcengine.com/docs/6349/134788
	{by: "Volcengine TOS", need: []param{
		{"X-Tos-Algorithm", begins("TOS4-")}, {"X-Tos-Credential", isSome}, {"X-Tos-Date", isSome}, {"X-Tos-Expires", isNumber},
		{"X-Tos-SignedHeaders", isSome}, {"X-Tos-Signature", isSome},
	}, may: []param{{"X-Tos-Security-Token", isSome}}},
	// https://cloud.baidu.com/doc/BOS/s/Tjwvysda9
	{by: "Baidu AI Cloud BOS", need: []param{{"authorization", begins("bce-auth-v1")}}},
	// https://developer.qiniu.com/kodo/1656/download-private
	{by: "Qiniu Kodo", need: []param{{"e", isUnixTime}, {"token", isQiniu}}},
	// https://docs.bunny.net/docs/cdn-token-authentication
	{by: "bunny.net", host: "b-cdn.net", need: []param{{"token", isBunny}, {"expires", isUnixTime}}, may: []param{{"token_path", isSome}, {"token_countries", isSome}, {"token_countries_blocked", isSome}}},
	// https://nginx.org/en/docs/http/ngx_http_secure_link_module.html#secure_link: MD5 in
	// base64url, as its example names it
	{by: "nginx secure_link", need: []param{{"md5", isMD5URL}, {"expires", isUnixTime}}},

	// The private ones of large hosts, beside or instead of the above.
	{by: "Hugging Face", host: "hf.co", need: []param{{"Policy", isSome}, {"Signature", isSome}, {"Key-Pair-Id", isSome}}, may: []param{
		{"X-Xet-Cas-Uid", isSome}, {"user_id", isSome}, {"xip", isSome}, // who asks, as the policy says
	}},
	{by: "GitHub", host: "githubusercontent.com", need: slices.Concat(sigV4, []param{{"actor_id", isNumber}, {"key_id", isNumber}})},
	{by: "GitHub", host: "githubusercontent.com", need: slices.Concat(sas, []param{{"jwt", begins("eyJ")}})},
	// t is the page that led there, {"ls": … in base64; what has no name is the signature of the
	// CDN.
	{by: "NVIDIA", host: "developer.download.nvidia.com", need: []param{{"t", begins("eyJscyI6")}}, may: []param{{"", isLong}}},
}

// The further fields of
// https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas#specify-the-fields.
// Not rscc, rscd, rsce, rscl and rsct, which are the header of the answer.
var sasFields = []param{
	{"sv", isSome}, {"sr", isSome}, {"st", isSome}, {"ss", isSome}, {"srt", isSome}, {"sip", isSome}, {"spr", isSome}, {"si", isSome}, {"sdd", isSome}, {"ses", isSome},
	{"skoid", isSome}, {"sktid", isSome}, {"skt", isSome}, {"ske", isSome}, {"sks", isSome}, {"skv", isSome}, {"saoid", isSome}, {"suoid", isSome}, {"scid", isSome},
	{"se", isSome}, {"sp", isSome},
}

// maxParams is the number of parameters beyond which a query is kept whole: no signed URL has as
// many.
const maxParams = 48

// params is a query that is split at "&".
type params struct {
	n        int
	raw      [maxParams]string
	by       [maxParams]string // the Dropped.By of those that are dropped; "" is kept
	redacted bool              // the values are: those of a set are recognised by their names alone
}

// split splits s, and reports whether it has no more than maxParams parameters.
func (q *params) split(s string) bool {
	for more := true; more; q.n++ {
		if q.n == maxParams {
			return false
		}
		q.raw[q.n], s, more = strings.Cut(s, "&")
	}
	return true
}

// drop marks the parameters that are dropped for a host. An operator's rules go before the table of
// signatures, and keep goes before drop.
func (q *params) drop(host string, rules *HostRules) {
	q.dropSigned(host)
	if rules == nil {
		return
	}
	for i := range q.n {
		name, _, _ := strings.Cut(q.raw[i], "=")
		switch {
		case rules.keeps(name):
			q.by[i] = ""
		case rules.drops(name):
			q.by[i] = byOperator
		}
	}
}

// dropSigned marks the parameters that are a signature for that host.
func (q *params) dropSigned(host string) {
	for i := range signatures {
		if sig := &signatures[i]; sig.appliesTo(host) { //guard:TestSignature
			q.dropSet(sig)
		}
	}
}

// dropSet marks the set of one scheme if it is whole. A name that occurs twice, or whose value does
// not have the form, makes it none of the scheme.
func (q *params) dropSet(sig *signature) {
	var at [2 * maxParams]int8
	n := 0
	for i := range sig.need {
		j, ok := q.find(&sig.need[i], len(sig.need) > 1)
		if j < 0 || !ok { //guard:TestSignature
			return
		}
		at[n], n = int8(j), n+1
	}
	for i := range sig.may {
		j, ok := q.find(&sig.may[i], true)
		if !ok {
			return
		}
		if j >= 0 {
			at[n], n = int8(j), n+1
		}
	}
	for _, j := range at[:n] {
		q.by[j] = sig.by
	}
}

// find returns the index of the parameter p, or -1. It is not ok where there are two, or where the
// value does not have p's form. set says that p is one of several, whose redacted value counts as
// well.
func (q *params) find(p *param, set bool) (at int, ok bool) {
	at, ok = -1, true
	for i, raw := range q.raw[:q.n] {
		value := raw
		if p.name != "" {
			if len(raw) <= len(p.name) || raw[len(p.name)] != '=' || raw[:len(p.name)] != p.name {
				if raw == p.name {
					ok = false // a bare name is no value
				}
				continue
			}
			value = raw[len(p.name)+1:]
		} else if !p.fits(raw) {
			continue
		}
		if at >= 0 || //guard:TestSignature
			holdsMore(value) || !p.fits(value) && !(set && q.redacted && strings.HasPrefix(value, redacted)) {
			ok = false
		}
		at = i
	}
	return at, ok
}

// holdsMore reports whether a value holds further parameters for origins that split at ";" too.
func holdsMore(value string) bool {
	_, rest, _ := strings.Cut(value, ";")
	return strings.IndexByte(rest, '=') >= 0
}

// appliesTo reports whether a host is in the domain of the scheme.
func (sig *signature) appliesTo(host string) bool {
	rest, ok := strings.CutSuffix(host, sig.host)
	return sig.host == "" || ok && (rest == "" || rest[len(rest)-1] == '.')
}

// append appends "?" and the parameters that are kept, and reports whether one was dropped.
func (q *params) append(b []byte) ([]byte, bool) {
	at, sep, dropped := len(b), byte('?'), false
	for i, raw := range q.raw[:q.n] {
		if q.by[i] != "" {
			dropped = true
			continue
		}
		b = append(append(b, sep), raw...)
		sep = '&'
	}
	if len(b) == at+1 {
		b = b[:at] // a bare "?" is none
	}
	return b, dropped
}
