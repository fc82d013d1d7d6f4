# Servers of Debian that speak in plain text first, each with a configuration of its own in a
# directory of the test (tcllib::Dir) and a certificate for localhost. Source lib/tcllib.tcl
# before. They start as root, and change to a user of their own as they do on a system.
#
#   servers::Start kind ?-tls bool? ?-certificate name?   starts one and waits for it; its port
#
# Kinds: exim4 dovecot-imap dovecot-pop3 slapd vsftpd prosody postgres.

namespace eval ::servers {
    # What it takes to run one, as tcltest constraints.
    variable serial 0
    variable needs {
        exim4 {exim4 superuser} dovecot-imap {dovecot superuser} dovecot-pop3 {dovecot superuser} slapd {slapd schema superuser}
        vsftpd {vsftpd superuser} prosody {prosody setpriv superuser} postgres {postgres setpriv superuser}
    }
}
testConstraint schema [file isdirectory /etc/ldap/schema]

# Starts a server of that kind, with TLS or without, and with a certificate of the set.
# Returns its port.
proc ::servers::Start {kind args} {
    variable serial
    set options [dict merge {-tls 1 -certificate server-rsa} $args]
    set name $kind.[incr serial]
    set identity [file join [tcllib::Dir] $name]
    foreach {from suffix} [list [support::Cert [dict get $options -certificate]] pem [support::Key [dict get $options -certificate]] key] {
        file copy -force $from $identity.$suffix
        file attributes $identity.$suffix -permissions 0644
    }
    set port [support::FreePort]
    [lindex [split $kind -] 0] $port [dict get $options -tls] $name
    return $port
}

# A directory that another user owns.
proc ::servers::Own {user name} {
    set path [file join [tcllib::Dir] $name]
    file mkdir $path
    exec chown -R $user $path
    return $path
}

# Words that start a program as another user, whose pid is the program's.
proc ::servers::As {user args} {
    return [list --reuid=$user --regid=$user --clear-groups {*}$args]
}

proc ::servers::exim4 {port isOn name} {
    set dir [tcllib::Dir]
    set spool [Own Debian-exim:Debian-exim $name.run]
    set conf [tcllib::Config $name.conf "
primary_hostname = localhost
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port
spool_directory = $spool
log_file_path = $spool/%slog
pid_file_path = $spool/pid
[expr {$isOn ? "tls_advertise_hosts = *\ntls_certificate = $dir/$name.pem\ntls_privatekey = $dir/$name.key" : "tls_advertise_hosts ="}]
smtp_accept_max = 200
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
"]
    file attributes $conf -permissions 0644
    tcllib::Server $port exim4 -bdf -C $conf
}

proc ::servers::dovecot {port isOn name} {
    regexp {^dovecot-(\w+)} $name - protocol
    set dir [tcllib::Dir]
    set base $dir/$name.run
    tcllib::Server $port dovecot -F -c [tcllib::Config $name.conf "
base_dir = $base
state_dir = $base
log_path = $base.log
protocols = $protocol
listen = 127.0.0.1
ssl = [expr {$isOn ? "yes\nssl_cert = <$dir/$name.pem\nssl_key = <$dir/$name.key" : "no"}]
auth_mechanisms = plain
passdb {
  driver = static
  args = password=secret
}
service imap-login {
  chroot =
  inet_listener imap {
    port = [expr {$protocol eq "imap" ? $port : 0}]
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = [expr {$protocol eq "pop3" ? $port : 0}]
  }
  inet_listener pop3s {
    port = 0
  }
}
service stats {
  chroot =
}
"]
}

proc ::servers::slapd {port isOn name} {
    set dir [tcllib::Dir]
    set base [file join $dir $name.run]
    file mkdir $base
    set tls "TLSCertificateFile $dir/$name.pem\nTLSCertificateKeyFile $dir/$name.key\nTLSVerifyClient never\n"
    set conf [tcllib::Config $name.conf "
include /etc/ldap/schema/core.schema
pidfile $base/pid
argsfile $base/args
modulepath /usr/lib/ldap
moduleload back_mdb
[expr {$isOn ? $tls : ""}]
database mdb
suffix \"dc=example,dc=org\"
directory $base
"]
    tcllib::Server $port slapd -d 0 -f $conf -h ldap://127.0.0.1:$port/
}

proc ::servers::vsftpd {port isOn name} {
    set dir [tcllib::Dir]
    set conf [tcllib::Config $name.conf "listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
max_per_ip=200
xferlog_enable=NO
secure_chroot_dir=[Own root:root vsftpd.empty]
ssl_enable=[expr {$isOn ? "YES" : "NO"}]
ssl_ciphers=HIGH
rsa_cert_file=$dir/$name.pem
rsa_private_key_file=$dir/$name.key
"]
    tcllib::Server $port vsftpd $conf
}

proc ::servers::prosody {port isOn name} {
    set dir [tcllib::Dir]
    set base [Own prosody:prosody $name.run]
    set conf [tcllib::Config $name.lua "
pidfile = '$base/pid'
data_path = '$base'
log = { error = '$base/log' }
interfaces = { '127.0.0.1' }
c2s_ports = { $port }
s2s_ports = { }
http_ports = { }
https_ports = { }
modules_enabled = { 'roster', 'saslauth', 'disco'[expr {$isOn ? ", 'tls'" : ""}] }
modules_disabled = { 's2s' }
c2s_require_encryption = [expr {$isOn ? "true" : "false"}]
authentication = 'internal_hashed'
VirtualHost 'localhost'
ssl = { key = '$dir/$name.key', certificate = '$dir/$name.pem' }
"]
    tcllib::Server $port setpriv {*}[As prosody {*}[::programs::Command prosody] -F --config $conf]
}

# A cluster with one user, tom, whose password is secret, by SCRAM-SHA-256 only.
proc ::servers::postgres {port isOn name} {
    set dir [tcllib::Dir]
    set base [Own postgres:postgres $name.run]
    set binaries [file dirname [::programs::Path postgres]]
    set secret [tcllib::Config $name.secret secret]
    exec {*}[::programs::Command setpriv] {*}[As postgres [file join $binaries initdb] -D $base/data -N -A scram-sha-256 \
        -U tom --pwfile=$secret --no-locale -E UTF8] 2>@1
    foreach suffix {pem key} {
        file copy -force $dir/$name.$suffix $base/server.$suffix
    }
    file attributes $base/server.key -permissions 0600
    exec chown postgres:postgres $base/server.key $base/server.pem
    tcllib::Config $name.run/data/pg_hba.conf "[expr {$isOn ? "hostssl" : "host"}] all all 127.0.0.1/32 scram-sha-256\n"
    set settings "listen_addresses = '127.0.0.1'\nport = $port\nunix_socket_directories = ''\nfsync = off\nmax_connections = 100\n"
    append settings "ssl = [expr {$isOn ? "on" : "off"}]\nssl_cert_file = '$base/server.pem'\nssl_key_file = '$base/server.key'\n"
    tcllib::Config $name.run/data/postgresql.conf $settings
    tcllib::Server $port setpriv {*}[As postgres {*}[::programs::Command postgres] -D $base/data]
    AwaitPostgres $port
}

# PostgreSQL listens before it serves: until then it refuses everybody with 57P03 (cannot_connect_now).
proc ::servers::AwaitPostgres {port} {
    ::support::Until {[::servers::PostgresAnswer $port] ni {{} 57P03}} 20000
}

# The SQLSTATE with which it refuses somebody without TLS, R where it asks for a login, "" without an answer.
proc ::servers::PostgresAnswer {port} {
    set answer ""
    catch {
        set channel [socket 127.0.0.1 $port]
        fconfigure $channel -translation binary
        set parameters "user\0tom\0database\0postgres\0\0"
        puts -nonewline $channel [binary format IIa* [expr {[string length $parameters] + 8}] 0x30000 $parameters]
        flush $channel
        binary scan [read $channel 5] aI type size
        set answer $type
        if {$type eq "E"} {
            set answer [string range [lsearch -inline [split [read $channel [expr {$size - 4}]] \0] C?????] 1 end]
        }
    }
    catch {close $channel}
    return $answer
}
