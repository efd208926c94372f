package plan

import (
	"io/fs"
	"strings"
	"testing"

	"fromcache/shim/call"
	"fromcache/shim/options"
)

const (
	theURL    = "https://ex.test/held/f.run?v=1"
	theCache  = "http://cache.lab:3000"
	cachedURL = theCache + "/b/aHR0cHM6Ly9leC50ZXN0L2hlbGQvZi5ydW4_dj0x/f.run"
)

// machine is what Decide asks: files, what the cache says, and what it was asked.
type machine struct {
	files  map[string]string
	env    call.Env
	real   string
	reply  Reply
	asked  []string
	inputs []Question
}

func (b *machine) read(path string) ([]byte, error) {
	text, ok := b.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if text == "ODD" {
		return nil, call.ErrNotPlain
	}
	return []byte(text), nil
}

func (b *machine) size(path string) (int64, error) {
	data, err := b.read(path)
	return int64(len(data)), err
}

// ask answers for a cache that holds every URL with "held" in it and says what reply says.
func (b *machine) ask(questions []Question) []Answer {
	out := make([]Answer, len(questions))
	for i, q := range questions {
		b.asked = append(b.asked, q.URL.String())
		r := b.reply
		if !strings.Contains(q.URL.String(), "held") {
			r.Status = 404
		}
		out[i] = q.Judge(r)
	}
	b.inputs = append(b.inputs, questions...)
	return out
}

func (b *machine) plan(line ...string) Decision {
	tool := call.Curl
	if line[0] == "wget" {
		tool = call.Wget
	}
	if b.real == "" {
		b.real = line[0]
	}
	env := append(append(call.Env{}, b.env...), "FROMCACHE_SERVER="+theCache, "HOME=/home/u")
	return Decide(Input{Tool: tool, Args: line[1:], Env: env, Real: b.real, Read: b.read, Size: b.size, Ask: b.ask})
}

// check plans a line in which U is theURL, and wants "hit" (each U re-pointed), "miss" (asked,
// untouched) or "pass".
func (b *machine) check(t *testing.T, want, line string) {
	t.Helper()
	b.asked = nil
	if b.reply.Status == 0 {
		b.reply = Reply{Status: 200, Ranges: true}
	}
	words := strings.Split(line, " ")
	for i, w := range words {
		if strings.HasSuffix("="+w, "=U") {
			words[i] = strings.TrimSuffix(w, "U") + theURL
		}
	}
	cached := cachedURL
	if words[0] == "wget" && !strings.Contains(line, "-O") && !strings.Contains(line, "-qO") && !strings.Contains(line, "--output-d") {
		cached += "?v=1"
	}
	d := b.plan(words...)
	wanted := strings.Join(words[1:], " ")
	if want == "hit" {
		wanted = strings.ReplaceAll(wanted, theURL, cached)
	}
	got := strings.Join(d.Args, " ")
	if words[0] == "curl" { // TestPlanKeepsNames says where the query follows
		got = strings.ReplaceAll(got, cached+"?v=1", cached)
	}
	if got != wanted {
		t.Errorf("%s: %q\n got %s\nwant %s\n%s", want, line, got, wanted, d.Line(call.Curl))
	}
	if asked := len(b.asked) > 0; asked != (want != "pass") {
		t.Errorf("%s: %q: asked: %v\n%s", want, line, asked, d.Line(call.Curl))
	}
}

// TestPlanLines holds the policy: one line for each thing that a call may be.
func TestPlanLines(t *testing.T) {
	for line := range strings.Lines(planLines) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			want, rest, _ := strings.Cut(line, " ")
			new(machine).check(t, want, rest)
		}
	}
}

const planLines = `
# reading the line
hit curl U
hit curl -fsSL U
hit curl U -fsSL -o x
hit curl -fsSLo x U
hit curl -fsSLox U
pass curl -OU
hit curl -o -s U
hit curl -A -u U
hit curl -e --proxy U
hit curl --referer -d U
hit curl --max-time 5 --retry 3 --limit-rate 1M U
hit curl --url U
hit curl --url=U
hit curl --output=x U
hit curl -s U U -o a -o b
hit curl -- U
hit curl -s -- U
pass curl -u a:b -- U
hit curl --sil U
hit curl --SILENT --Output x U
pass curl --loc U
pass curl --no-sil U
pass curl --no-output U
hit curl --no-silent --no-progress-meter --no-keepalive U
pass curl --nonsense U
pass curl --nonsense=x U
pass curl --silent=x U
pass curl --expand-url U
pass curl -s% U
pass curl - U
pass curl U -o
pass curl U --output
pass curl --url @file U
pass curl @file
pass curl U -- @file
pass curl --no-remote-name U -o x
pass curl -O --no-remote-name U U --next U
hit curl --remote-name-all --no-remote-name U
pass curl --remote-name-all U --next --no-remote-name U
pass curl --variable a=b U
hit curl -: U
hit curl -s -: U
hit curl U --next U
pass curl U -:s U
hit wget -q U
hit wget U -q
hit wget -qO x U
hit wget -qOx U
hit wget --output-document=x U
hit wget --output-document x U
hit wget --output-d x U
hit wget -nv -nc -nd -nH -np U
hit wget -n v U
hit wget -nvc U
pass wget -nx U
pass wget -n U
pass wget --quiet=x=y --bogus U
hit wget --quiet=on U
hit wget --verbose=off U
pass wget --no-quiet=on U
pass wget --no-t U
pass wget --ti U
hit wget --timeo 5 U
pass wget -z U
pass wget -O
pass wget U --header
hit wget -- U
pass wget --backups U
hit wget --backups=2 U
hit wget --no-backups U
pass wget --report-speed bits U
hit wget --report-speed=bits U
pass wget --restrict-file-names windows U
hit wget --restrict-file-names=windows U
pass wget --compression none U
hit wget --compression=none U
pass wget --waitretry 5 U
hit wget --waitretry=5 U
# information
pass curl -V U
pass curl -h U
pass curl --manual U
pass curl -sV U
pass wget -V U
pass wget --help U
# method or body
pass curl -d x U
pass curl -dx U
pass curl -sd x U
pass curl --data-urlencode a=b U
pass curl -F a=b U
pass curl -T file U
pass curl --json {} U
pass curl -G U
pass curl -X POST U
pass curl -XPUT U
pass curl -sXDELETE U
pass curl -X get U
hit curl -X GET U
hit curl -XGET U
hit curl --request GET U
pass curl --request HEAD U
pass curl --url-query a=b U
pass wget --post-data=a U
pass wget --post-file a U
hit wget --method=GET U
pass wget --method=get U
pass wget --method=HEAD U
pass wget --method=GET --body-data=x U
pass wget --body-data=x U
# header output
pass curl -I U
pass curl -i U
pass curl -sSLI U
pass curl -D - U
pass curl --include U
pass wget --spider U
pass wget -S U
pass wget -qS U
pass wget --save-headers U
# facts of the URL
hit curl -w %{time_total} U
hit curl -w %{size_download}%{speed_download}%{filename_effective}%{exitcode}%% U
hit curl -w %{size_upload} U
pass curl -w %{size_header} U
pass curl -w %{size_request} U
pass curl -w %{size_download}%{size_header} U
pass curl -w %{size_} U
hit curl -w 100% U
hit curl -w \n U
hit curl -w %{http_code} U
hit curl -w %{response_code} U
hit curl -w %{exitcode}%{errormsg} U
pass curl -w %{size_download} --compressed U
pass curl --compressed -L U -w %{http_code}:%{size_download}
pass curl -w %{size_download} --tr-encoding U
pass curl -C - -o held -w %{size_download} U
hit curl -C - -w %{http_code} -L U
hit curl -w %{size_download} --no-compressed U
hit curl -w %{size_download} U --next --compressed U
hit curl -w %{size_upload} --compressed U
hit curl -L -w %{http_code} U
hit curl -w %{response_code} U -L
hit curl -L --no-location -w %{http_code} U
pass curl -L -w %{url_effective} U
pass curl -w %{remote_ip} U
pass curl -w %{json} U
pass curl -w %header{etag} U
pass curl -w %output{x} U
pass curl -w %{time_total U
pass curl -w @file U
pass curl -w @- U
pass curl -w %{http_version} U
pass curl -L -w %{num_redirects} U
pass curl -w %{certs} U
pass curl --libcurl x U
pass curl --xattr U
pass wget --xattr U
hit curl --trace x U
pass curl --trace - U
pass curl -v --stderr - U
hit curl --stderr - U
hit curl -v --stderr log U
hit curl -v --stderr - --stderr log U
pass curl -v --stderr /dev/stdout U
pass curl -v --stderr /dev/fd/1 U
pass curl -v --stderr /proc/self/fd/1 U
pass curl --trace % --stderr - U
pass curl --trace /dev/stdout U
pass curl --trace-ascii /dev/fd/1 U
pass curl --trace-ascii //dev/./stdout U
hit curl --trace /dev/stderr U
hit wget -o log U
pass wget -o - U
pass wget -o /dev/stdout U
pass wget -o /dev/fd/1 U
pass wget -a /dev/fd/1 U
pass wget --output-file=/proc/self/fd/1 U
# options of all groups, in one
pass curl --libcurl x U --next U
pass curl U --next --libcurl x U
pass curl --stderr - U --next -v U
pass curl -v U --next --stderr - U
pass curl --trace - U --next U
pass curl U --next --trace-ascii - U
hit curl -v U --next --stderr log U
hit curl --proto -ftp U --next --proto =http,https U
# parts
pass curl -r 0-9 U
pass curl -r5- U
pass curl --range 7-100 U
pass curl --range=7-7 U
pass curl -r abc U
pass curl -H Range:bytes=0-9 U
pass curl -H range:bytes=9-1 U
pass curl -H Range: U
pass curl -H Range; U
pass wget --header=Range:bytes=0-1 U
pass wget --start-pos=5 U
pass wget --start-pos=0 U
pass curl -C 5 U
pass curl -C 0 U
pass curl -C - -C 5 U
pass curl -C 5 -C - U
hit curl -r 0-9 http://ex.test/other --next U
# resumed: a file of one URL, of a name that is known
hit curl -C - U
hit curl -C- -O U
hit curl -C - -o x U
hit curl --continue-at - -o x U
hit curl -C - -o x U -o y U
hit curl -C - --output-dir d -O U
pass curl -C - -O U -o f.run U
pass curl -C - -O U -o ./f.run U
pass curl -C - -o x U -o x http://localhost/other
pass curl -C - -o x http://localhost/other U
pass curl -C - -o x#1 U
pass curl -C - -O http://ex.test/held/a#x
pass curl -C - -O http://ex.test/held/a?b=/c
pass curl -C - -o x U --next -C - -o y U
pass curl -o x http://localhost/other --next -C - -o x U
hit wget -c U
hit wget --continue U
hit wget --continue=off U
hit wget -c --no-continue U
hit wget -c -P d U
hit wget -c U -O -
hit wget -c -O x U
pass wget -c -O x U U
pass wget -c U U
pass wget -c U http://other.test/f.run
pass wget -c http://ex.test/held/a%20b
pass wget -c http://ex.test/held/a?a/b
pass wget -c http://ex.test/held/a?a?b
pass wget -c http://ex.test/held/a?a=%20
pass wget -c --restrict-file-names=lowercase U
pass wget -c -P ~ U
pass wget -c http://ex.test/held/
# credentials
pass curl -u a:b U
pass curl -ua:b U
pass curl -n U
pass curl --netrc-file x U
pass curl -b a=b U
pass curl -c jar U
pass curl -b jar U
pass curl -b jar U --next U
hit curl -b /dev/null U
pass curl -b /dev/null -c jar U
pass curl -b /dev/null -b a=b U
pass curl -b /dev/null U U
pass curl -b /dev/null U --next U
hit curl --netrc-optional U
pass curl --netrc-optional -n U
pass curl --netrc-optional --netrc-file x U
pass curl -E cert U
pass curl --oauth2-bearer x U
pass curl --aws-sigv4 x U
pass curl --location-trusted U
pass curl https://a:b@ex.test/held/f
pass curl https://a@ex.test/held/f
pass wget --user a U
pass wget --password=b U
pass wget --load-cookies f U
pass wget --certificate=c U
pass wget http://a:b@ex.test/held/f
# headers
hit curl -H User-Agent:x U
hit curl -HUser-Agent:x U
hit curl -H referer:x -H Accept-Language:de -H Connection:close -H DNT:1 -H Origin:x U
hit curl -H Accept:*/* U
hit curl -H User-Agent; U
pass curl -H Accept:text/html U
pass curl -H Accept: U
pass curl -H Authorization:x U
pass curl -H X-Api-Key:x U
pass curl -H Cookie:x U
pass curl -H Host:x U
pass curl -H @file U
pass curl -H User-Agent U
pass curl -H Accept-Encoding:gzip U
pass curl -H If-None-Match:x U
hit wget --header=Accept:*/* U
hit wget --header=User-Agent:x U
pass wget --header=Authorization:x U
pass wget --header User-Agent; U
pass wget --header= U
# conditional
pass curl -z 2020-01-01 U
pass curl --etag-compare x U
pass curl --etag-save x U
hit wget -N U
hit wget -N -O x U
hit wget --timestamping -qO x U
pass wget --no-timestamping U
pass wget --no-cache U
hit wget --timestamping=on U
# names, trees, URLs elsewhere
pass curl -J U
pass curl -OJ U
pass wget --content-disposition U
hit wget --content-disposition U -O x
hit wget -O x --content-disposition U
pass wget --content-disposition -c -O x U
pass wget --no-content-disposition U -O x
pass wget --content-disposition --trust-server-names U -O x
pass wget --trust-server-names U
pass wget -E U
pass wget -x U
pass wget --directories U
hit wget --directories -O x U
pass wget --protocol-directories U
pass wget --default-page=x U
pass wget -r U
pass wget -m U
pass wget -p U
pass wget -k U
pass wget --warc-file=x U
pass wget --delete-after U
pass curl -K x U
pass curl -sKx U
pass wget -i x U
pass wget -B x U
pass wget -F U
pass wget --config=x U
hit wget -e robots=off U
hit wget -erobots=off U
hit wget -e Check_Certificate=off U
pass wget -e robots U
pass wget -e http_proxy=x U
pass wget -e header=x U
pass wget -e output_document=x U
pass wget -e input=x U
# routing, constraints
pass curl -x proxy U
pass curl -xproxy U
pass curl --noproxy x U
hit curl --noproxy * U
pass curl --noproxy  U
hit curl -x  U
hit curl -b  U
pass curl --noproxy *,x U
pass curl --noproxy * --noproxy x U
hit curl --proxy= U
pass curl --proxy= -x p U
pass curl --resolve a:1:b U
pass curl --connect-to :: U
pass curl --unix-socket x U
pass curl --interface x U
pass curl --doh-url x U
pass curl -U a:b U
pass curl -p U
pass curl --socks5 x U
pass wget --bind-address=x U
pass curl --proto =https U
pass curl --proto https,-http U
hit curl --proto =http,https U
hit curl --proto =all U
hit curl --proto -ftp U
pass curl --proto -all,https U
hit curl --proto =ftp --proto =http,https U
pass curl --proto =bogus U
hit curl --proto =https --proto +http U
pass curl --proto -http --proto +https U
pass curl --proto =https --proto -ftp U
pass curl --proto =http,https --proto =ftp U
pass curl --proto =bogus --proto -ftp U
hit curl --proto -http --proto =https,http U
pass curl --proto =http U
pass curl --pinnedpubkey x U
pass curl --http2-prior-knowledge U
pass curl --http3 U
pass curl --http3-only U
hit curl --http2 U
hit curl --http1.1 U
pass curl --cert-status U
pass curl --hsts x U
pass curl --cacert x U
pass curl --capath x U
pass curl --ca-native U
pass curl --crlfile x U
pass curl --ciphers x U
pass curl --tls13-ciphers x U
pass curl --curves x U
pass curl --sigalgs x U
pass curl --ssl-sessions x U
pass curl -3 U
pass curl --tlsv1.3 U
hit curl --tlsv1.2 U
hit curl --tlsv1.1 U
hit curl -1 U
pass curl --tls-max 1.0 U
pass curl --tls-max 1.1 U
pass curl --tls-max=1.1 --tlsv1.0 U
hit curl --tls-max 1.2 U
hit curl --tls-max 1.3 --tlsv1.2 U
hit curl --tls-max default U
hit curl --ssl-reqd U
pass wget --pinnedpubkey=x U
pass wget --ca-certificate=x U
pass wget --ca-directory x U
pass wget --ciphers=x U
pass wget --https-only U
hit wget --no-https-only U
hit wget --secure-protocol=TLSv1_2 U
hit wget --secure-protocol auto U
hit wget --secure-protocol=TLSv1 U
pass wget --secure-protocol=TLSv1_3 U
pass wget --secure-protocol=tlsv1_3 U
pass wget --secure-protocol=PFS U
pass wget --secure-protocol=SSLv3 U
# how the answer is framed
pass curl --raw U
pass curl --max-filesize 9 U
pass curl --ignore-content-length U
pass curl --metalink U
# who asks
hit curl -A x U
pass curl -A x https://ex.test/held
pass curl -A x https://ex.test/held/
pass curl -A x https://ex.test/held/v1.2
pass curl -A x https://ex.test/held/f.sh/
pass curl --user-agent x https://ex.test/held/f.php
pass curl --user-agent= https://ex.test/held/get
pass curl -H User-Agent:x https://ex.test/held/f.fcgi
pass curl -H User-Agent; https://ex.test/held/f.HTML
pass curl -A x https://ex.test/held/f.aspx?f=a.run
pass wget -U x https://ex.test/held/get
pass wget --header=User-Agent:x https://ex.test/held/f.cgi
pass wget -e user_agent=x https://ex.test/held/get
hit wget -e user_agent=x U
hit wget --user-agent=x U
# how the URL is read
pass curl --path-as-is U
pass curl --request-target /x U
hit curl --proto-default https U
pass curl https://ex.test/held/f[1-2]
miss curl http://[2001:db8::1]:8080/other
miss curl http://[2001:db8::1]/other
miss curl [2001:db8::1]:80/other
miss curl -g http://[2001:db8::1]/other
pass curl http://[2001:db8::1]/held/[1-2]
pass curl http://[2001:db8::1]/{a,b}
pass curl http://[2001:db8::1%25eth0]/other
pass curl http://[1-2].test/other
pass curl http://[1.2.3.4]/other
pass curl http://[::1/other
pass curl https://ex.test/held/{a,b}
hit wget --no-proxy U
# URLs that are never asked about
pass curl http://localhost/held
pass curl http://LOCALHOST:80/held
pass curl http://a.localhost/held
pass curl http://127.0.0.1/held
pass curl http://127.1/held
pass curl http://2130706433/held
pass curl http://0x7f.1/held
pass curl http://0177.0.0.1/held
pass curl http://0.0.0.0/held
pass curl http://0/held
pass curl -g http://[::1]/held
pass wget http://[::1]/held
pass wget http://[::ffff:127.0.0.1]/held
pass curl http://169.254.169.254/held
pass wget http://[fe80::1]/held
pass wget http://[fd00:ec2::254]/held
pass curl http://metadata.google.internal/held
pass curl http://100.100.100.200/held
pass curl http://cache.lab:3000/b/x/held
pass curl http://CACHE.lab:3000/held
pass curl ftp://ex.test/held
pass curl ftp.ex.test/held
pass curl file:///held
pass wget ex.test:held/x
pass curl https://ex.test/held\x
pass curl https://ex.test/hëld
pass curl https://ex.test:0/held
pass curl https://ex.test:99999/held
pass curl https://ex.test:/held
pass curl https://ex%2etest/held
pass curl https:///held
pass curl https:/ex.test/held
pass curl http://ex.test;x/held
pass curl -O https://ex.test/held/
pass curl -O https://ex.test/held/?q=x
pass curl -O https://ex.test
pass curl --remote-name-all https://ex.test/held/
miss curl -o x https://ex.test/%D0%C2.run
miss curl -O https://ex.test/%D0%C2.run
miss curl -o x https://ex.test/100%.run
miss curl -O https://ex.test/100%/other.run
pass curl -O https://ex.test/held/100%.run
pass curl --remote-name-all https://ex.test/held/100%zz.run
miss wget -q https://ex.test/100%.run
pass curl https://ex.test/held/%2e%2E
pass curl https://ex.test/held/.%2e
pass wget https://ex.test/held/%2e/x
pass curl http://10.1/held
pass curl http://010.0.0.1/held
pass wget -q http://1.2.3.4.5/held
pass curl -s -- -s
hit curl -O U -o x
miss curl https://ex.test/other
miss wget -q https://ex.test/other
`

// TestPlanClasses gives each option of the tables, long and short, to a call that would else hit.
func TestPlanClasses(t *testing.T) {
	for _, tool := range []string{"curl", "wget"} {
		table := options.Curl
		if tool == "wget" {
			table = options.Wget
		}
		for _, o := range table {
			want := classWants(tool, o)
			if want == "" {
				continue
			}
			value := ""
			if o.TakesValue() {
				value = " 1"
				if tool == "wget" {
					new(machine).check(t, want, "wget -Of --"+o.Name+"=1 U")
					value = " v"
				}
			}
			if !strings.Contains(readDifferently, " "+o.Name+" ") {
				new(machine).check(t, want, tool+" -Of --"+o.Name+value+" U")
			}
			if living := options.Letter(table, o.Short); living != nil && living.Name == o.Name {
				new(machine).check(t, want, tool+" -Of -"+string(o.Short)+value+" U")
			}
		}
	}
}

// TestPlanForms gives each option in every form that the tools read: its letter with the value
// attached, at the end of a cluster, after the URL, and its name cut to the shortest prefix that
// fits no other.
func TestPlanForms(t *testing.T) {
	for _, tool := range []string{"curl", "wget"} {
		table, flag := options.Curl, "-s"
		if tool == "wget" {
			table, flag = options.Wget, "-q"
		}
		for _, o := range table {
			want := classWants(tool, o)
			if want == "" || strings.Contains(readDifferently, " "+o.Name+" ") {
				continue
			}
			attached, separate := "", ""
			if o.TakesValue() {
				attached, separate = "1", " 1"
				if o.Name == "no" {
					attached, separate = "v", " v"
				}
			}
			if living := options.Letter(table, o.Short); living != nil && living.Name == o.Name {
				letter := string(o.Short)
				new(machine).check(t, want, tool+" -Of -"+letter+attached+" U")
				new(machine).check(t, want, tool+" -Of "+flag+letter+separate+" U")
				new(machine).check(t, want, tool+" -Of "+flag+letter+attached+" U")
				new(machine).check(t, want, tool+" U -Of -"+letter+separate)
			}
			new(machine).check(t, want, tool+" U -Of --"+o.Name+separate)
			if short := shortest(table, o.Name); short != "" {
				new(machine).check(t, want, tool+" -Of --"+short+separate+" U")
			}
		}
	}
}

// readDifferently are the options of which wget and wget2 differ, or that say something else when
// they are cut.
const readDifferently = " waitretry compression backups report-speed restrict-file-names "

// shortest is the shortest prefix of a long name that no other option's name, nor --no- form,
// begins with; "" where only the whole name will do.
func shortest(table []options.Option, name string) string {
	for n := 2; n < len(name); n++ {
		fits := 0
		for _, o := range table {
			if strings.HasPrefix(o.Name, name[:n]) || strings.HasPrefix("no-"+o.Name, name[:n]) {
				fits++
			}
		}
		if fits == 1 {
			return name[:n]
		}
	}
	return ""
}

// classWants is what an option's class means for a call; empty where the value decides and other
// tests look.
func classWants(tool string, o options.Option) string {
	switch o.Class {
	case options.V, options.U, options.G:
		return ""
	case options.R:
		if o.Name == "continue" {
			return "hit"
		}
		return "pass"
	case options.N:
		if o.Name == "https-only" {
			return "pass" // the cache is a plain one
		}
		if o.Name == "output-document" || o.Name == "no" || o.Name == "max-redirs" || o.Name == "no-config" {
			return ""
		}
		if strings.Contains(readDifferently, " "+o.Name+" ") && !o.TakesValue() {
			return ""
		}
		return "hit"
	case options.S:
		if o.Name == "proto" {
			return ""
		}
	case options.C, options.F: // with -O
		if o.Name == "timestamping" || o.Name == "content-disposition" {
			return "hit"
		}
	case options.A:
		if o.Name == "netrc-optional" {
			return "hit"
		}
	case options.I:
		if o.Name == "execute" {
			return ""
		}
	}
	return "pass"
}
