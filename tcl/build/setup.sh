#!/bin/sh
# Installs what is missing with the system's package manager, and says what and why.
# Asks nothing. Needs nothing but a POSIX shell. Usage: setup.sh ?-v? group ...
# The groups are those of the table below, and localhost, the name. -v: says so when nothing is missing, too.

table() {
    # group | what and why | is it there? | apt | dnf | apk | pacman | brew
    # An empty name: it comes with another one, or that system does not have it.
    cat <<'END'
base | tclsh of Tcl 8.6 or newer, runs build.tcl and the package | foundtclsh | tcl | tcl | tcl | tcl | tcl-tk@8
base | a C compiler | have gcc && header stdio.h | gcc libc6-dev | gcc | gcc musl-dev | gcc |
base | pkg-config, finds the libraries | have pkg-config | pkg-config | pkgconf-pkg-config | pkgconf | pkgconf | pkgconf
base | OpenSSL 3, headers to compile against | header openssl/ssl.h | libssl-dev | openssl-devel | openssl-dev | openssl | openssl@3
base | Tcl's headers, to compile against | tclheaders | tcl-dev | tcl-devel | tcl-dev | tcl |
base | critcl, compiles the C rooms | tclpackage critcl || uncritcled | critcl tcllib | | | | critcl tcllib
base | make, compiles them where there is no package of critcl | have make || ! uncritcled | | make | make | make |
base | the system's CA certificates | exists /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/cert.pem /etc/ssl/cert.pem | ca-certificates | ca-certificates | ca-certificates | ca-certificates | ca-certificates
test | the openssl command, a peer of tests | have openssl | openssl | openssl | openssl | openssl | openssl@3
test | the kill program, ends what tests have started | exists /bin/kill /usr/bin/kill | procps | util-linux | util-linux | util-linux |
test | tcllib, some tests use it | tclpackage textutil || ! uncritcled | | tcllib | tcl-lib | tcllib |
test | threads for Tcl, some tests use them | tclpackage Thread | tcl-thread | tcl-thread | | |
test | virtual file systems for Tcl, some tests use them | tclpackage vfs || ! have apt-get | tcl-vfs | | | |
test | what OpenSSL's static form needs, which some tests link | staticlibraries || elsewhere | libzstd-dev zlib1g-dev | | | |
static | what OpenSSL's static form needs | staticlibraries || elsewhere | libzstd-dev zlib1g-dev | | | |
deb | dpkg-shlibdeps, finds what a library depends on | have dpkg-shlibdeps || elsewhere | dpkg-dev | | | |
sanitize | the sanitizers' libraries | runtime libasan.so && runtime libubsan.so | gcc | libasan libubsan | | gcc-libs |
sanitize | the one for threads | runtime libtsan.so | gcc | libtsan | | gcc-libs |
lint | clang, a second opinion on the C | have clang | clang | clang | clang | clang | llvm
lint | clang-tidy, static analysis | have clang-tidy | clang-tidy | clang-tools-extra | clang-extra-tools | clang | llvm
lint | cppcheck, static analysis | have cppcheck | cppcheck | cppcheck | cppcheck | cppcheck | cppcheck
valgrind | valgrind, finds memory errors | have valgrind && symbols | valgrind libc6-dbg | valgrind | valgrind musl-dbg | valgrind debuginfod |
bench | wrk, loads an HTTPS server | have wrk || elsewhere | wrk | | | |
bench | strace, counts system calls | have strace | strace | strace | strace | strace |
benchpeers | haproxy, a balancer | have haproxy || exists /usr/sbin/haproxy | haproxy | haproxy | haproxy | haproxy | haproxy
benchpeers | tcl-tls, to compare with | relative || elsewhere | tcl-tls | | | |
benchpeers | python3, to compare with | have python3 | python3 | python3 | python3 | python | python
benchpeers | node, to compare with | have node | nodejs | nodejs | nodejs | nodejs | node
matrix | debootstrap, makes trees of other releases | have debootstrap || elsewhere | debootstrap | | | |
peers | nginx, a server to test against | have nginx || exists /usr/sbin/nginx | nginx | nginx | nginx | nginx | nginx
peers | curl, a client to test against | have curl | curl | curl | curl | curl | curl
peers | gnutls-cli and gnutls-serv, another TLS library | have gnutls-cli && have gnutls-serv | gnutls-bin | gnutls-utils | gnutls-utils | gnutls | gnutls
peers | haproxy, a balancer | have haproxy || exists /usr/sbin/haproxy | haproxy | haproxy | haproxy | haproxy | haproxy
peers | tinyproxy, an HTTP proxy | have tinyproxy || elsewhere | tinyproxy | | | |
peers | stunnel, TLS for servers without | have stunnel4 || elsewhere | stunnel4 | | | |
peers | dovecot, a server for IMAP and POP3 | server dovecot || elsewhere | dovecot-imapd dovecot-pop3d | | | |
peers | exim, a mail server | server exim4 || exists /usr/sbin/sendmail || elsewhere | exim4-daemon-light | | | |
peers | slapd, an LDAP server | server slapd || elsewhere | slapd | | | |
peers | unbound, DNS over TLS | server unbound || elsewhere | unbound | | | |
peers | ngircd, an IRC server | server ngircd || elsewhere | ngircd | | | |
peers | vsftpd, an FTP server | server vsftpd || elsewhere | vsftpd | | | |
peers | prosody, an XMPP server | have prosody || elsewhere | prosody | | | |
peers | redis, a store for sessions | have redis-server || elsewhere | redis-server | | | |
peers | mosquitto, a broker, and its clients | server mosquitto && have mosquitto_pub || elsewhere | mosquitto mosquitto-clients | | | |
peers | postgres, a database | have postgres || exists /usr/lib/postgresql/*/bin/postgres || elsewhere | postgresql | | | |
peers | tshark, decrypts captures with a key log | have tshark || elsewhere | tshark | | | |
peers | chromium, a browser | have chromium || elsewhere | chromium | | | |
peers | certutil, tells the browser whom to trust | have certutil || elsewhere | libnss3-tools | | | |
peers | sqlite3 for Tcl, which the example ondemand needs | tclpackage sqlite3 || elsewhere | libsqlite3-tcl | | | |
peers | Net::SSLeay for Perl, a client that renegotiates | perl -MNet::SSLeay -e 1 2>/dev/null || elsewhere | libnet-ssleay-perl | perl-Net-SSLeay | perl-net-ssleay | perl-net-ssleay |
peers | tdom, which the package rest needs | tclpackage tdom || elsewhere | tdom | | | |
peers | tcl-tls, to compare with | relative || elsewhere | tcl-tls | | | |
END
}

have() { command -v "$1" >/dev/null 2>&1; }
exists() { for path; do [ -e "$path" ] && return 0; done; return 1; }
server() { have "$1" || exists "/usr/sbin/$1"; }
# Systems without apt-get do without some programs; their tests are skipped.
elsewhere() { [ "$manager" != apt-get ]; }
header() {
    have gcc && echo "#include <$1>" | gcc $(pkg-config --cflags openssl 2>/dev/null) -E - >/dev/null 2>&1
}
staticlibraries() {
    for word in $(pkg-config --libs --static libssl libcrypto 2>/dev/null); do
        case $word in
            -lssl | -lcrypto) continue ;;
            -l*) ;;
            *) continue ;;
        esac
        for ending in so a; do
            case $(gcc -print-file-name="lib${word#-l}.$ending") in /*) continue 2 ;; esac
        done
        return 1
    done
}
relative() {
    for version in 1.7.22 1.8.0 2.0.1; do
        ! tclpackage "-exact tls $version" || return 0
    done
    dpkg -s tcl-tls >/dev/null 2>&1
}
runtime() { have gcc && case $(gcc -print-file-name="$1") in /*) return 0 ;; esac; return 1; }
# The tclsh that all this is for; one may have come since.
foundtclsh() { [ -n "$tclsh" ] || . "$here/tclsh.sh"; [ -n "$tclsh" ]; }
tclpackage() {
    foundtclsh && echo "exit [catch {package require $1}]" | HOME=${HOME:-/} "$tclsh" >/dev/null 2>&1
}
tclversion() { foundtclsh && echo 'puts [info tclversion]' | HOME=${HOME:-/} "$tclsh"; }
# On Debian those of several versions can be there together.
tclheaders() {
    case $manager in
        apt-get) exists "/usr/include/tcl$(tclversion)/tcl.h" ;;
        dnf | apk | pacman) header tcl.h ;;
    esac
}
# Systems without a package of critcl: what configure and make of the source tree do will do.
uncritcled() { case $manager in dnf | apk | pacman) return 0 ;; esac; return 1; }
# Debian's packages for the default Tcl have others beside them for this one, where that
# is not the default: tcl9.0-thread for tcl-thread.
special() {
    version=$(tclversion)
    for name; do
        case $version:$name in
            [1-9]*.*:tcl-*)
                if apt-cache show "tcl$version-${name#tcl-}" >/dev/null 2>&1; then
                    name=tcl$version-${name#tcl-}
                fi
                ;;
        esac
        echo "$name"
    done
}
# valgrind cannot start without the symbols of the C library's loader.
symbols() { valgrind -q true >/dev/null 2>&1; }

manager() {
    for name in apt-get dnf apk pacman brew; do
        if have "$name"; then
            echo "$name"
            return
        fi
    done
}

asroot() {
    if [ "$manager" = brew ] || [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        if sudo -n true 2>/dev/null; then sudo -n "$@"; else sudo "$@"; fi
    else
        echo "setup: not root, and there is no sudo. Run this as root:" >&2
        echo "    $*" >&2
        return 1
    fi
}

# Package lists older than a day may name files that are gone.
refresh() {
    if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)" ]; then
        asroot apt-get -qq update
    fi
}

# The servers that the tests use are not for the system to start.
policy=/usr/sbin/policy-rc.d
unstarted() {
    case " $groups " in *" peers "*) ;; *) return ;; esac
    if [ ! -e "$policy" ]; then
        trap 'asroot rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        asroot sh -c "printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy"
    fi
}

# Installs $names with the command given: one after the other if a name among them is unknown
# to this release of the system. What is missing after that is told.
together() {
    "$@" $names && return
    for name in $names; do
        "$@" "$name"
    done
    return 0
}

install() {
    names=$*
    case $manager in
        apt-get)
            refresh
            unstarted
            set -- $(special "$@")
            asroot env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" ||
                { asroot apt-get -qq update &&
                    asroot env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"; }
            ;;
        dnf) together asroot dnf -q install -y ;;
        apk) together asroot apk add --quiet --no-progress ;;
        pacman) together asroot pacman -S --noconfirm --needed ;;
        brew) together env HOMEBREW_NO_AUTO_UPDATE=1 brew install --quiet ;;
        *)
            echo "setup: no package manager that I know (apt-get, dnf, apk, pacman, brew)" >&2
            return 1
            ;;
    esac
}

# Reads the table; sets missing (one line each), needed (those among them that nothing goes on
# without) and packages.
look() {
    missing=
    needed=
    packages=
    while IFS='|' read -r group what rest; do
        case " $groups " in *" ${group% } "*) ;; *) continue ;; esac
        # The tests may contain ||, so the names are taken from the end.
        names=$rest
        test=
        while [ "$(fields "$names")" -gt 6 ]; do
            test="$test${names%%|*}|"
            names=${names#*|}
        done
        test="$test${names%%|*}"
        names=${names#*|}
        if eval "$test"; then
            continue
        fi
        missing="$missing   $what
"
        # Tests that lack something are skipped; where the names are known to be right, it is needed.
        case $group in
            test* | peers*) elsewhere || needed=yes ;;
            *) needed=yes ;;
        esac
        case $manager in
            apt-get) packages="$packages $(pick 1 "$names")" ;;
            dnf) packages="$packages $(pick 2 "$names")" ;;
            apk) packages="$packages $(pick 3 "$names")" ;;
            pacman) packages="$packages $(pick 4 "$names")" ;;
            brew) packages="$packages $(pick 5 "$names")" ;;
        esac
    done <<END
$(table)
END
}

# A bare system may not even know its own name, which certificates are made for.
name_localhost() {
    case " $groups " in *" localhost "*) ;; *) return 0 ;; esac
    if grep -qw localhost /etc/hosts 2>/dev/null || getent hosts localhost >/dev/null 2>&1; then
        return 0
    fi
    echo "setup: the name localhost has no address here, tests and demo use it: adding it to /etc/hosts"
    asroot sh -c "printf '127.0.0.1\\tlocalhost\\n::1\\tlocalhost\\n' >>/etc/hosts"
}

fields() { echo "$1" | tr -cd '|' | wc -c | { read -r n; echo $((n + 1)); }; }
pick() { echo "$2" | cut -d '|' -f "$1"; }

here=$(dirname -- "$0")
tclsh=
verbose=no
if [ "$1" = -v ]; then
    verbose=yes
    shift
fi
groups=$*
manager=$(manager)
name_localhost || exit 1
look
if [ -z "$missing" ]; then
    [ $verbose = no ] || echo "setup: everything is there for: $groups"
    exit 0
fi
echo "setup: missing:"
printf '%s' "$missing"
# Unquoted on purpose: several words.
set -- $packages
if [ $# -gt 0 ]; then
    echo "setup: installing with $manager: $*"
    install "$@" </dev/null || exit 1
fi
look
if [ -n "$missing" ]; then
    echo "setup: still missing, and I do not know how to get it here:" >&2
    printf '%s' "$missing" >&2
    case $missing in
        *critcl*) echo "   critcl 3.1.18 or newer 3.x is at https://github.com/andreas-kupries/critcl" >&2 ;;
    esac
    [ -z "$needed" ] || exit 1
fi
