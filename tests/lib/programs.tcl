# The programs of others that tests talk to.

namespace eval ::programs {
    # Each is a tcltest constraint: see Constraint. CI insists on having them all.
    variable peers {
        certutil chromium curl dovecot exim4 gnutls-cli gnutls-serv haproxy mosquitto mosquitto_pub nginx ngircd openssl perl postgres
        prosody redis-server slapd stunnel4 tinyproxy unbound vsftpd
    }
    # The same, but nobody insists.
    variable others {ip node psql python3 setpriv softhsm2-util tshark}
    variable found {}
    # Outside of every PATH, a directory per version: the last.
    variable places {postgres /usr/lib/postgresql/*/bin/postgres}
}

# The name of the constraint: gnutlscli. For tcltest a hyphen is a minus.
proc ::programs::Constraint {name} {
    return [string map {- {}} $name]
}

# The path of a program, "" if it is not there. Servers may lie outside a user's PATH.
proc ::programs::Path {name} {
    variable found
    variable places
    if {![dict exists $found $name]} {
        set path [lindex [auto_execok $name] 0]
        if {$path eq "" && [dict exists $places $name]} {
            set path [lindex [lsort -dictionary [glob -nocomplain [dict get $places $name]]] end]
        }
        foreach dir {/usr/sbin /usr/local/sbin /sbin} {
            if {$path eq "" && [file executable [file join $dir $name]]} {
                set path [file join $dir $name]
            }
        }
        dict set found $name $path
    }
    return [dict get $found $name]
}

# Words that start a peer program free of what is preloaded into test processes.
proc ::programs::Command {name} {
    set path [Path $name]
    if {$path eq ""} {
        return -code error "there is no program \"$name\""
    }
    return [list env -u LD_PRELOAD $path]
}
