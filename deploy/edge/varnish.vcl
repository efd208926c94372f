# An edge in Varnish 7: the machines of a site have it in FROMCACHE_SERVER, the cache-host is
# elsewhere. As /etc/varnish/fromcache.vcl it is whole, but for what is marked "Set". Start it with
# room for whole artifacts, because each is kept in one piece:
#
#     varnishd -a :3000 -f /etc/varnish/fromcache.vcl -s file,/var/lib/varnish/fromcache,500G
#
# For each artifact that is read it asks the cache-host by a HEAD, about once a second, and for each
# HEAD of a client. So misses are recorded, and an evict and a new version are seen within two
# seconds. The answer names a digest. The bytes are fetched once, at the address of that very
# version, and are kept under it. What has begun ends with the version that it began with. While the
# cache-host is away what is here is served. Varnish forgets what it keeps when it starts anew.
vcl 4.1;

import std;

# Set: the cache-host. Start it with --trusted-proxy and the address of this edge.
backend cachehost {
    .host = "cache-host";
    .port = "3000";
    .connect_timeout = 2s;
    .first_byte_timeout = 5s;
    .probe = {
        .url = "/healthz";
        .interval = 2s;
        .timeout = 2s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

sub vcl_recv {
    if (req.restarts == 0) {
        unset req.http.X-Token;
        unset req.http.X-Version;
        unset req.http.X-Cache-Control;
        unset req.http.X-Rangeless;
        unset req.http.X-Away;
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(405));
    }
    unset req.http.Cookie;
    if (req.http.Range ~ ",") {
        unset req.http.Range;                   # Varnish answers several ranges 416, not the whole
    }
    if (req.url ~ "^/b/[A-Za-z0-9_-]+(\.[0-9a-f]+)?(/|\?|$)") {
        set req.http.X-Token = regsub(req.url, "^/b/([A-Za-z0-9_.-]+).*", "\1");
        if (!std.healthy(req.backend_hint)) {
            set req.http.X-Away = "yes";
        }
        if (req.http.X-Away) {
            set req.grace = 30d;
        } else {
            set req.grace = 0s;
            if (req.method == "HEAD") {
                unset req.http.Prefer;          # it does not wait
                return (pass);
            }
        }
        return (hash);
    }
    if (req.url == "/healthz") {
        return (pass);
    }
    if (req.url ~ "^/(blob\?|by-hash/|by-name/|m/|https?:/)") {
        return (pipe);                          # not kept here, and not in memory for a slow client
    }
    return (synth(403, "The operator's pages are on the cache-host"));
}

# First the question is looked up, and then the bytes of the version that its answer named. The name
# behind the token is no part of a key, because a client may write any.
sub vcl_hash {
    if (req.http.X-Version) {
        hash_data("bytes " + req.http.X-Version);
        return (lookup);
    }
    if (req.http.X-Token) {
        hash_data("question " + req.http.X-Token);
        return (lookup);
    }
}

sub vcl_backend_fetch {
    if (bereq.http.X-Version) {
        # Set, where count-hits runs beside (see fromcache help edge), so that none counts twice:
        # set bereq.http.Sec-Purpose = "prefetch";
        set bereq.method = "GET";
        set bereq.url = "/b/" + bereq.http.X-Version + "/-";
    } elsif (bereq.http.X-Token) {
        set bereq.method = "HEAD";
        unset bereq.http.Prefer;
    }
}

sub vcl_backend_response {
    set beresp.do_stream = true;
    if (!bereq.http.X-Token) {
        return (deliver);
    }
    if (beresp.status == 503 && beresp.http.Retry-After && bereq.uncacheable) {
        return (deliver);                       # it is busy, and says when to come again
    }
    if (beresp.status >= 500) {
        return (abandon);                       # what is kept stays
    }
    if (beresp.status != 200) {
        set beresp.ttl = 1s;
        set beresp.uncacheable = true;          # each miss is passed on, and waits for no other
        return (deliver);
    }
    set beresp.keep = 0s;
    if (bereq.http.X-Version) {
        set beresp.ttl = 365d;                  # under its digest it is good for ever
    } else {
        set beresp.ttl = 1s;
        set beresp.grace = 30d;
        if (!beresp.http.Accept-Ranges) {
            set beresp.http.X-Rangeless = "yes";
        }
    }
    return (deliver);
}

# An error would be kept, too, and hide what was kept before.
sub vcl_backend_error {
    if (bereq.http.X-Token) {
        return (abandon);
    }
}

# While the cache-host is away its last answer stands.
sub vcl_synth {
    if (resp.status == 503 && req.http.X-Token && !req.http.X-Away) {
        set req.http.X-Away = "yes";
        return (restart);
    }
}

sub vcl_pipe {
    set bereq.http.Connection = "close";        # else what the client asks next goes there, too
}

sub vcl_deliver {
    unset resp.http.X-Varnish;
    if (req.http.X-Version) {
        # The bytes come from the address of a version, which never changes.
        set resp.http.Cache-Control = req.http.X-Cache-Control;
        if (req.http.X-Rangeless) {
            unset resp.http.Accept-Ranges;
        }
        return (deliver);
    }
    if (!req.http.X-Token || resp.status != 200 || (req.method == "HEAD" && !req.http.X-Away)) {
        return (deliver);
    }
    if (req.http.If-Match && req.http.If-Match != "*" &&
        !std.strstr(req.http.If-Match, resp.http.X-Fromcache-Sha256)) {
        return (synth(412));
    }
    set req.http.X-Version = regsub(req.http.X-Token, "\..*", "") + "." + resp.http.X-Fromcache-Sha256;
    set req.http.X-Cache-Control = resp.http.Cache-Control;
    if (resp.http.X-Rangeless) {
        # The origin gives no ranges, so there are none here.
        set req.http.X-Rangeless = "yes";
        unset req.http.Range;
    }
    return (restart);
}
