# A server that gets its certificates on demand, ACME style:
#   tclsh ondemand.tcl port database domain
# A client asks for a name below domain. Its certificate is looked up in an SQLite database;
# where there is none, one is issued on the fly by a small CA of our own, which the database
# keeps too. The client's handshake waits meanwhile, and everybody else goes on. Other names
# are refused. Port 0 takes a free one; the port is printed once it listens.

package require tls 2
package require sqlite3

# ---- what is known

proc open_database {path} {
    sqlite3 db $path
    db timeout 2000
    db eval {
        CREATE TABLE IF NOT EXISTS certificates (name TEXT PRIMARY KEY, chain TEXT, key TEXT, until INTEGER)
    }
    # Keys are in there.
    file attributes $path -permissions 0600
}

# {chain key until} of a name whose certificate is good for another day, or nothing.
proc stored {name} {
    set soon [expr {[clock seconds] + 86400}]
    return [db eval {SELECT chain, key, until FROM certificates WHERE name = $name AND until > $soon}]
}

# Returns what stored will.
proc store {name chain key days} {
    set until [expr {[clock seconds] + $days * 86400}]
    db eval {INSERT OR REPLACE INTO certificates VALUES ($name, $chain, $key, $until)}
    return [list $chain $key $until]
}

# ---- the CA: its row has no name

proc authority {} {
    set row [stored {}]
    if {![llength $row]} {
        set key [tls::x509 key -type ec]
        set row [store {} [tls::x509 create -subject "CN=On Demand CA" -key $key -ca 1 -days 365] $key 365]
    }
    return $row
}

proc issue {name} {
    lassign [authority] issuer issuerKey
    set key [tls::x509 key -type ec]
    set chain [tls::x509 create -subject "CN=$name" -san [list DNS:$name] -key $key -days 90 \
        -issuer $issuer -issuerkey $issuerKey]
    return [store $name $chain $key 90]
}

# ---- contexts, and who waits for one

set contexts [dict create]
set waiting [dict create]
# Any client can invent names: so many certificates are issued by one process.
set issued 0
set limit 1000

# Asked during the handshake. Clients that send no name are refused: there is nothing for them.
proc choose {form channel args} {
    switch -- $form {
        hello {
            return [expr {[lindex $args 0] ne ""}]
        }
        sni {
            set name [string tolower [lindex $args 0]]
            if {![permitted $name]} {
                return 0
            }
            set context [known $name]
            if {$context ne ""} {
                tls::use $channel $context
                return 1
            }
            if {![dict exists $::waiting $name]} {
                after 0 [list look_up $name]
            }
            dict lappend ::waiting $name $channel
            return wait
        }
    }
    return 1
}

proc permitted {name} {
    return [expr {[regexp {^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$} $name] && [string match *.$::domain $name]}]
}

proc look_up {name} {
    if {[catch {stored $name} row]} {
        puts stderr "no certificate for $name: $row"
        settle $name 0
    } elseif {[llength $row]} {
        ready $name {*}$row
    } elseif {$::issued >= $::limit} {
        puts stderr "no certificate for $name: $::limit were issued"
        settle $name 0
    } else {
        # A real order takes its time: a challenge, then polling. Nothing stands still for it.
        after 100 [list order $name]
    }
}

proc order {name} {
    if {[catch {issue $name} row]} {
        puts stderr "no certificate for $name: $row"
        settle $name 0
    } else {
        incr ::issued
        ready $name {*}$row
    }
}

proc ready {name chain key until} {
    if {[catch {tls::context new -cert $chain -key $key} context]} {
        puts stderr "the certificate of $name cannot be used: $context"
        settle $name 0
    } else {
        dict set ::contexts $name [list $context $until]
        settle $name 1 $context
    }
}

# A context whose certificate is good for another day, or nothing.
proc known {name} {
    if {![dict exists $::contexts $name]} {
        return ""
    }
    lassign [dict get $::contexts $name] context until
    if {$until > [clock seconds] + 86400} {
        return $context
    }
    # Connections that have it keep it.
    rename $context ""
    dict unset ::contexts $name
    return ""
}

# All that wait for a name. Some may have gone away meanwhile.
proc settle {name args} {
    set channels [dict get $::waiting $name]
    dict unset ::waiting $name
    foreach channel $channels {
        catch {tls::answer $channel {*}$args}
    }
}

# ---- the service: it says the name that it was called by

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -translation {auto crlf} -encoding utf-8
    tls::handshake $channel -command greet
}

proc greet {channel outcome message} {
    if {$outcome eq "ok"} {
        catch {puts $channel "HTTP/1.0 200 OK\n\nThis is [dict get [tls::connection $channel] servername]"}
        # The client's request is read to its end, so that it gets the answer whole.
        fileevent $channel readable [list drain $channel [after 10000 [list hang_up $channel]]]
        catch {tls::shutdown $channel -write}
    } else {
        hang_up $channel
    }
}

proc drain {channel timer} {
    if {[catch {read $channel}] || [eof $channel]} {
        # Another channel may get this one's name.
        after cancel $timer
        hang_up $channel
    }
}

proc hang_up {channel} {
    catch {close $channel}
}

if {[llength $argv] != 3} {
    puts stderr "usage: ondemand.tcl port database domain"
    exit 1
}
lassign $argv port database domain
open_database $database
lassign [authority] chain
set listener [tls::socket -server accept -validatecommand choose -handshaketimeout 30000 \
    -cert $chain -key [lindex [authority] 1] -myaddr 127.0.0.1 $port]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout
vwait forever
