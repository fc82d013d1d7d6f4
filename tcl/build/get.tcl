# The recipe get: fetches a URL, verified against the system's trust store.

namespace eval ::build {
    variable stall 60 ;# seconds without a byte after which a server counts as dead
    variable hops 10
    variable heard 0
    variable drawn 0
}

proc ::build::Get {args} {
    variable root
    variable hops
    set file ""
    set urls {}
    for {set i 0} {$i < [llength $args]} {incr i} {
        if {[lindex $args $i] eq "-o"} {
            set file [lindex $args [incr i]]
        } else {
            lappend urls [lindex $args $i]
        }
    }
    if {[llength $urls] != 1 || ($file eq "" && "-o" in $args)} {
        Fail [Usage]
    }
    set url [lindex $urls 0]
    if {[string equal -nocase https:// $url]} {
        Fail "\"$url\" names no host"
    }
    if {![string match -nocase https://* $url]} {
        Fail "\"$url\" does not begin with https://: without TLS nothing is fetched"
    }
    lappend ::auto_path $root
    package require -exact tls 2.1.0
    package require http 2.7
    ::http::register https 443 [list ::tls::socket -alpn http/1.1]
    for {set i 0} {$i <= $hops} {incr i} {
        set next [GetOnce $url $file]
        if {$next eq ""} {
            return 0
        }
        if {![string match -nocase https://?* $next]} {
            Fail "$url leads to $next, without TLS: not followed"
        }
        set url $next
    }
    Fail "more than $hops redirections, the last to $url"
}

# Fetches one URL. Returns where it leads to, "" if the page itself has come. What has
# come goes to its place only once it is complete.
proc ::build::GetOnce {url file} {
    variable heard
    if {$file eq ""} {
        set out [file tempfile part]
    } else {
        set part $file.part
        if {[catch {open $part w+} out]} {
            Fail $out
        }
    }
    fconfigure $out -translation binary
    set heard [clock seconds]
    set began [clock milliseconds]
    try {
        set token [::http::geturl $url -channel $out -blocksize 65536 -binary 1 \
            -headers {Accept-Encoding identity} -command ::build::GetDone \
            -progress [list ::build::Progress $began]]
        Watch $token
        vwait ::build::done
        Draw end
        Check $token
        set next [Location $url $token]
        if {$next eq ""} {
            Deliver $out $part $file [clock milliseconds] $began
        }
        return $next
    } on error {message} {
        Fail "$url: $message"
    } finally {
        if {[info exists token]} {
            ::http::cleanup $token
        }
        catch {close $out}
        file delete $part
    }
}

proc ::build::Deliver {out part file now began} {
    seek $out 0 end
    set size [tell $out]
    if {$file eq ""} {
        fconfigure stdout -translation binary
        seek $out 0
        # Whoever reads may have enough before the end.
        try {
            fcopy $out stdout
            flush stdout
        } trap {POSIX EPIPE} {} {
        }
        return
    }
    close $out
    file rename -force $part $file
    puts stderr "[format %.1f [expr {($now - $began) / 1000.0}]] s, $size bytes: $file"
}

proc ::build::GetDone {token} {
    set ::build::done $token
}

# Called by http when something has come.
proc ::build::Progress {began token total current} {
    variable heard
    set heard [clock seconds]
    Draw $current $total $began
}

proc ::build::Watch {token} {
    variable heard
    variable stall
    if {![info exists $token] || [::http::status $token] ne ""} {
        return
    }
    if {[clock seconds] - $heard > $stall} {
        ::http::reset $token "nothing has come for $stall seconds"
        return
    }
    after 1000 [list ::build::Watch $token]
}

# What went wrong, as an error.
proc ::build::Check {token} {
    upvar #0 $token state
    set status [::http::status $token]
    if {$status ne "ok"} {
        return -code error [HttpReason $token]
    }
    if {[::http::ncode $token] ni {200 301 302 303 307 308}} {
        return -code error [::http::code $token]
    }
    if {$state(totalsize) > 0 && $state(currentsize) != $state(totalsize)} {
        return -code error "incomplete: $state(currentsize) of $state(totalsize) bytes"
    }
}

# Where a redirection leads to, as an absolute URL.
proc ::build::Location {url token} {
    if {[::http::ncode $token] == 200} {
        return ""
    }
    set target ""
    foreach {name value} [::http::meta $token] {
        if {[string equal -nocase $name location]} {
            set target $value
        }
    }
    if {$target eq ""} {
        return -code error "a redirection without a target"
    }
    if {[regexp {^[a-zA-Z][a-zA-Z0-9+.-]*:} $target]} {
        return $target
    }
    regexp {^([a-zA-Z]+:)(//[^/?#]*)([^?#]*/)?} $url -> scheme server path
    if {[string match //* $target]} {
        return $scheme$target
    }
    if {[string match /* $target]} {
        return $scheme$server$target
    }
    return $scheme$server[expr {$path eq "" ? "/" : $path}]$target
}

# The progress display, on a terminal only, at most ten times a second.
proc ::build::Draw {received {total 0} {began 0}} {
    variable drawn
    if {[catch {fconfigure stderr -mode}]} {
        return
    }
    if {$received eq "end"} {
        if {$drawn} {
            puts -nonewline stderr "\r\033\[K"
            set drawn 0
        }
        return
    }
    set now [clock milliseconds]
    if {$now - $drawn < 100} {
        return
    }
    set drawn $now
    set rate [expr {$received / 1048.576 / max(1, $now - $began)}]
    set text [format "%.1f MiB  %.1f MiB/s" [expr {$received / 1048576.0}] $rate]
    if {$total > 0} {
        set share [expr {min(1.0, double($received) / $total)}]
        set bar [string repeat = [expr {int(30 * $share)}]]
        set text [format {[%-30s] %3.0f%%  %s} $bar [expr {100 * $share}] $text]
    }
    puts -nonewline stderr "\r$text\033\[K"
    flush stderr
}
