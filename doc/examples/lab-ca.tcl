#!/usr/bin/env tclsh
# An authority of your own for a lab: makes it once, then certificates for servers and clients.
package require tls 2

set usage "usage: lab-ca.tcl directory server|client name ?other-name ...?"
if {[llength $argv] < 3 || [lindex $argv 1] ni {server client}} {
    puts stderr $usage
    exit 1
}
set names [lassign $argv dir purpose]
set name [lindex $names 0]
if {![regexp {^[A-Za-z0-9][A-Za-z0-9._-]*$} $name] || $name eq "ca"} {
    puts stderr "$usage: a name has letters, digits, dots and hyphens; ca is the authority's"
    exit 1
}

proc write {path permissions text} {
    set file [open $path {WRONLY CREAT TRUNC} $permissions]
    puts -nonewline $file $text
    close $file
}

proc readFile {path} {
    set file [open $path]
    set text [read $file]
    close $file
    return $text
}

# The authority. Keep ca.key at home; give ca.pem to all who shall trust it.
file mkdir $dir
if {![file exists [file join $dir ca.pem]]} {
    set key [tls::x509 key -type ec]
    write [file join $dir ca.key] 0600 $key
    write [file join $dir ca.pem] 0644 \
        [tls::x509 create -key $key -subject "CN=Lab CA" -ca 1 -days 3650]
}

set key [tls::x509 key -type ec]
set certificate [tls::x509 create -key $key -subject CN=$name -san $names -usage $purpose -days 397 \
    -issuer [readFile [file join $dir ca.pem]] -issuerkey [readFile [file join $dir ca.key]]]
write [file join $dir $name.key] 0600 $key
write [file join $dir $name.pem] 0644 $certificate
puts [file join $dir $name.pem]
