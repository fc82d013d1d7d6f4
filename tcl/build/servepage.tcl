# The pages of the recipe serve: what the server sees of a visitor's connection, and what a
# directory holds. Names from certificates, clients and files are text of strangers.

namespace eval ::build {
    variable serveTypes {
        .html "text/html; charset=utf-8" .htm "text/html; charset=utf-8" .css "text/css; charset=utf-8"
        .js "text/javascript; charset=utf-8" .mjs "text/javascript; charset=utf-8" .json application/json
        .txt "text/plain; charset=utf-8" .md "text/plain; charset=utf-8" .tcl "text/plain; charset=utf-8"
        .xml application/xml .svg image/svg+xml .png image/png .jpg image/jpeg .jpeg image/jpeg .gif image/gif
        .webp image/webp .ico image/x-icon .pdf application/pdf .wasm application/wasm .woff2 font/woff2
        .mp4 video/mp4 .webm video/webm .mp3 audio/mpeg
    }
    variable serveStyle {
        :root { color-scheme: light dark }
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
        h1 { font-size: 1.5rem }
        h2 { font-size: 1.1rem; margin-top: 2rem }
        table { border-collapse: collapse; width: 100% }
        th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere }
        th { width: 11rem; font-weight: 600 }
        td.size { text-align: right; width: 8rem }
    }
}

proc ::build::ServeEscape {text} {
    set text [regsub -all {[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]} $text ?]
    return [string map {& &amp; < &lt; > &gt; \" &quot; ' &#39;} $text]
}

proc ::build::ServeFrame {title body} {
    variable serveStyle
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width\">\n<title>[ServeEscape $title]</title>\n\
        <style>$serveStyle</style>\n</head>\n<body>\n<h1>[ServeEscape $title]</h1>\n$body</body>\n</html>\n"
}

# Rows: id, title, text. The id is for programs that read the page.
proc ::build::ServeTable {rows} {
    set html "<table>\n"
    foreach {id title text} $rows {
        append html "<tr><th scope=\"row\">[ServeEscape $title]</th><td id=\"$id\">[ServeEscape $text]</td></tr>\n"
    }
    return "$html</table>\n"
}

proc ::build::ServeOr {text otherwise} {
    return [expr {$text eq "" ? $otherwise : $text}]
}

proc ::build::ServeTlsPage {visit} {
    set channel [dict get $visit channel]
    set connection [::tls::connection $channel]
    set body [ServeTable [list \
        protocol Protocol [dict get $connection protocol] \
        cipher Cipher [dict get $connection cipher] \
        group "Key exchange" [ServeOr [dict get $connection group] "no group"] \
        alpn "ALPN" [ServeOr [dict get $connection alpn] "not offered"] \
        sni "Server name (SNI)" [ServeOr [dict get $connection servername] "not sent"] \
        resumed "Session" [expr {[dict get $connection session_reused] ? "resumed" : "full handshake"}] \
        address "Your address" [dict get $visit address] \
        count "HTTP" "request [dict get $visit requests] of connection [dict get $visit number]"]]
    append body "<h2>Your certificate</h2>\n" [ServeTable [ServeClientRows $channel]]
    append body "<h2>This server</h2>\n" [ServeTable [ServeServerRows $channel]]
    return [ServeFrame "Your TLS connection" $body]
}

proc ::build::ServeClientRows {channel} {
    set status [::tls::status $channel]
    if {[dict get $status certificate] eq ""} {
        return [list client Certificate [expr {[dict get $status verifyMode] eq "none" ? "not asked for" : "none was sent"}]]
    }
    return [list client Subject [dict get $status subject] client-issuer Issuer [dict get $status issuer] \
        client-until "Valid until" [dict get $status notAfter] client-verify Verification [dict get $status verifyResult]]
}

proc ::build::ServeServerRows {channel} {
    set own [::tls::status -local $channel]
    return [list server Subject [dict get $own subject] server-names Names [join [dict get $own subjectAltName] {, }] \
        server-until "Valid until" [dict get $own notAfter] library Library [::tls::version]]
}

# ---- a directory

proc ::build::ServeListing {dir path} {
    set rows ""
    if {$path ne "/"} {
        append rows "<tr><td><a href=\"../\">../</a></td><td></td></tr>\n"
    }
    foreach name [lsort -dictionary [glob -nocomplain -directory $dir -tails -types {f d} *]] {
        set name [regsub {^\./(?=~)} $name {}]
        if {[ServeFind $path[ServeEncode $name]] eq ""} {
            continue
        }
        set file [file join $dir ./$name]
        set size [file size $file]
        if {[file isdirectory $file]} {
            append name /
            set size ""
        }
        append rows "<tr><td><a href=\"./[ServeEncode $name]\">[ServeEscape $name]</a></td><td class=\"size\">$size</td></tr>\n"
    }
    return [ServeFrame "Files" "<table>\n$rows</table>\n<p><a href=\"/.tls\">Your TLS connection</a></p>\n"]
}

# A name as part of a path in a URL (RFC 3986 2.3); the slash stays.
proc ::build::ServeEncode {name} {
    set result ""
    foreach byte [split [encoding convertto utf-8 $name] ""] {
        append result [expr {[regexp {[A-Za-z0-9._~/-]} $byte] ? $byte : [format %%%02X [scan $byte %c]]}]
    }
    return $result
}
