# What the tests of Tcl's http and of tcllib's modules share: servers of Debian with their
# configuration in a directory of the test, and the modules, unmodified, in interpreters
# with the package at either level. What is trusted comes from SSL_CERT_FILE, as a system
# would have it.
#
#   tcllib::At level script         runs a script in a fresh interpreter; its result
#   tcllib::Dir                     a directory that servers may use under another user
#   tcllib::Config name text        a file there; returns its path
#   tcllib::Note module peer what   for the summary: what was transferred
#   tcllib::Finish                  the last command of a file

namespace eval ::tcllib {
    variable dir ""
    variable notes {}
    variable variables {}
}

# Readable for the users that servers change to, wherever the checkout is.
proc ::tcllib::Dir {} {
    variable dir
    if {$dir eq ""} {
        set base [expr {[info exists ::env(TMPDIR)] && $::env(TMPDIR) ne "" ? $::env(TMPDIR) : "/tmp"}]
        set dir [file join $base tls-peers.[pid]]
        file delete -force $dir
        file mkdir $dir
        file attributes $dir -permissions 0755
        # The certificates too.
        foreach name {server-ec server-rsa} {
            file copy [support::Cert $name] [support::Key $name] $dir
            file attributes [file join $dir $name.key] -permissions 0644
        }
        file copy [support::Cert ca] $dir
    }
    return $dir
}

proc ::tcllib::Config {name text} {
    set path [file join [Dir] $name]
    file mkdir [file dirname $path]
    set channel [open $path w]
    puts -nonewline $channel $text
    close $channel
    return $path
}

# What scripts of At find as variables.
proc ::tcllib::Set {name value} {
    variable variables
    dict set variables $name $value
}

# True if tcllib has that package here.
proc ::tcllib::Has {package} {
    set interp [interp create]
    try {
        return [expr {![catch {interp eval $interp [list package require $package]}]}]
    } finally {
        interp delete $interp
    }
}

proc ::tcllib::At {level script} {
    variable variables
    set interp [interp create]
    try {
        interp eval $interp [list set auto_path [linsert $::auto_path 0 $::support::package]]
        interp eval $interp [list package require -exact tls [dict get {1 1.9.0 2 2.1.0} $level]]
        interp eval $interp {
            # imap4 looks at it.
            set argv0 ""
            set background {}
            interp bgerror {} {apply {{message options} {lappend ::background $message}}}
            proc sleep {ms} {
                after $ms {set ::slept 1}
                vwait ::slept
            }
            # vwait that does not wait for ever.
            proc await {name} {
                set timer [after $::limit [list set $name late]]
                uplevel #0 [list vwait $name]
                after cancel $timer
                upvar #0 $name variable
                return $variable
            }
        }
        interp eval $interp [list set limit [expr {int(10000 * $::support::slow)}]]
        dict for {name value} $variables {
            interp eval $interp [list set $name $value]
        }
        return [interp eval $interp $script]
    } finally {
        foreach channel [interp eval $interp {chan names}] {
            if {![string match std* $channel]} {
                catch {interp eval $interp [list close $channel]}
            }
        }
        interp delete $interp
    }
}

proc ::tcllib::Note {module peer what} {
    variable notes
    dict lappend notes [list $module $peer] $what
}

proc ::tcllib::Finish {} {
    variable notes
    variable dir
    dict for {who what} $notes {
        lassign $who module peer
        puts [format "transferred: %-12s %-14s %s" $module $peer [join [lsort -unique $what] "; "]]
    }
    support::StopAll
    if {$dir ne ""} {
        file delete -force $dir
    }
    support::Finish
}

# Starts a server that stays in the foreground, and waits for its port.
proc ::tcllib::Server {port name args} {
    return [support::Start [list -port $port -ms 15000] $name {*}$args]
}

set ::env(SSL_CERT_FILE) [support::Cert ca]
unset -nocomplain ::env(SSL_CERT_DIR)
foreach name {http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY all_proxy ALL_PROXY} {
    unset -nocomplain ::env($name)
}
testConstraint tcllib [tcllib::Has pop3]
testConstraint tdom [tcllib::Has tdom]
testConstraint superuser [expr {![catch {exec id -u} uid] && $uid == 0}]
