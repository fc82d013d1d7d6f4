#!/usr/bin/env tclsh
# Searches a directory over ldaps, by tcllib's ldap. With a DN to bind as, the password is in
# the environment variable LDAP_PASSWORD.
package require tls 2
package require ldap

if {[llength $argv] ni {5 6}} {
    puts stderr "usage: ldap-search.tcl host port ca-file|\"\" base filter ?bind-dn?"
    puts stderr "for instance: ldap-search.tcl ldap.example.org 636 \"\" dc=example,dc=org (cn=Ann*)"
    exit 1
}
lassign $argv host port ca base filter dn

# ldap calls tls::socket with options of its own; these come before them.
tls::init -cafile $ca
set handle [ldap::secure_connect $host $port 1]
if {$dn ne ""} {
    ldap::bind $handle $dn $env(LDAP_PASSWORD)
}
foreach entry [ldap::search $handle $base $filter {}] {
    lassign $entry name attributes
    puts "dn: $name"
    foreach {attribute values} $attributes {
        foreach value $values {
            puts "  $attribute: $value"
        }
    }
}
ldap::unbind $handle
ldap::disconnect $handle
