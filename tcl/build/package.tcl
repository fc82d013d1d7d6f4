# The recipes package, install and uninstall.

namespace eval ::build {
    variable mark "# Index of the package tls, written by its build.tcl."
}

# The library's name, for a major version of Tcl: side by side in one directory.
proc ::build::LibraryName {version major} {
    return lib[expr {$major == 8 ? "" : "tcl$major"}]tls$version[info sharedlibextension]
}

proc ::build::TclMajor {} {
    return [lindex [split [info patchlevel] .] 0]
}

# Makes DIR/tls<version> as a whole, in place of one that is there. Returns its path.
# variant: see tls.critcl. others: packages of the same that were made by Tcl of another
# major version, whose libraries join this one.
proc ::build::MakePackage {dir variant {others {}}} {
    variable root
    UseCompiler
    set versions [Versions]
    set version [lindex $versions 0]
    set library [LibraryName $version [TclMajor]]
    set target [file join [file normalize $dir] tls$version]
    set fresh $target.[pid]
    try {
        file mkdir $fresh
        set work [file join $fresh work]
        file mkdir $work
        set scripts [::tlsbuild::Compile $root $work $variant [file join $fresh $library]]
        file delete -force $work
        file attributes [file join $fresh $library] -permissions 0755
        foreach script $scripts {
            file copy [file join $root $script] $fresh
            lappend tails [file tail $script]
        }
        file copy [file join $root LICENSE] $fresh
        foreach other $others {
            file copy {*}[glob -directory $other lib*tls$version*] $fresh
        }
        set libraries {}
        foreach {major requirement} {8 8.6 9 9-} {
            if {[file exists [file join $fresh [LibraryName $version $major]]]} {
                lappend libraries $requirement [LibraryName $version $major]
            }
        }
        WriteFile [file join $fresh pkgIndex.tcl] [Index $versions $libraries $tails]
        # Whatever the umask: a package is for everybody.
        foreach file [concat $tails LICENSE pkgIndex.tcl] {
            file attributes [file join $fresh $file] -permissions 0644
        }
        file attributes $fresh -permissions 0755
        if {[file exists $target]} {
            if {![IsOurs $target]} {
                Fail "\"$target\" is there and was not made by this program"
            }
            file rename $target $fresh.old
        }
        if {[catch {file rename $fresh $target} message]} {
            catch {file rename $fresh.old $target}
            Fail $message
        }
    } on error {message} {
        Fail $message
    } finally {
        file delete -force $fresh $fresh.old
    }
    return $target
}

# The versions and their levels, as tls.critcl has them.
proc ::build::Versions {} {
    variable root
    if {![regexp -line {^set versions \{(.*)\}$} [ReadFile [file join $root tls.critcl]] -> versions]} {
        Fail "tls.critcl has no line \"set versions {...}\""
    }
    return $versions
}

# A package for several tclsh, of which at most one may be of each major version: this one
# makes the directory if it is among them, else the first that is. Returns its path.
proc ::build::MakePackageWith {dir variant shells} {
    variable root
    set majors {}
    foreach shell $shells {
        if {[catch {exec $shell << {puts [lindex [split [info patchlevel] .] 0]}} major]} {
            Fail "cannot run \"$shell\": $major"
        }
        if {[dict exists $majors $major]} {
            Fail "\"$shell\" and \"[dict get $majors $major]\" are both Tcl $major: one library serves both"
        }
        dict set majors $major $shell
    }
    set first [TclMajor]
    if {![dict exists $majors $first]} {
        set first [lindex $majors 0]
    }
    set made {}
    try {
        dict for {major shell} [dict remove $majors $first] {
            # Not where others may write: what is loaded later is copied from there.
            set place [file join [file normalize $dir] .tls[pid].$major]
            lappend made $place
            exec $shell [file join $root build.tcl] package $place \
                {*}[expr {$variant eq "static" ? "-static-openssl" : ""}] 2>@stderr
        }
        set others [lmap place $made {file join $place tls[lindex [Versions] 0]}]
        if {$first == [TclMajor]} {
            return [MakePackage $dir $variant $others]
        }
        exec [dict get $majors $first] [file join $root build.tcl] package $dir \
            {*}[expr {$variant eq "static" ? "-static-openssl" : ""}] 2>@stderr
        return [file join [file normalize $dir] tls[lindex [Versions] 0]]
    } finally {
        file delete -force {*}$made
    }
}

# Plain enough for a safe interpreter made by ::safe::interpCreate. libraries: for which
# versions of Tcl (package vsatisfies), and the name: one pair or two.
proc ::build::Index {versions libraries scripts} {
    variable mark
    set text "$mark\nif {!\[package vsatisfies \[package provide Tcl\] [dict keys $libraries]\]} {return}\n"
    lassign $libraries - library newer other
    if {$newer ne ""} {
        set library "\[expr {\[package vsatisfies \[package provide Tcl\] $newer\] ? {$other} : {$library}}\]"
    }
    foreach {version level} $versions {
        append text "package ifneeded tls $version \"namespace eval ::tls {variable level $level}\n"
        append text "    \[list load \[file join \$dir $library\] Tls\]\n"
        foreach script $scripts {
            append text "    \[list source \[file join \$dir $script\]\]\n"
        }
        append text "    package provide tls $version\"\n"
    }
    return $text
}

proc ::build::IsOurs {dir} {
    variable mark
    set index [file join $dir pkgIndex.tcl]
    return [expr {[file isfile $index] && [string match $mark* [ReadFile $index]]}]
}

# True of what install made. The recipes package and deb make the same without its note: a
# Debian package is not ours to remove.
proc ::build::IsInstalled {dir} {
    return [expr {[IsOurs $dir] && [file isfile [file join $dir installed]]}]
}

# What makes a tclsh look there, as words for a shell.
proc ::build::LibraryPath {dir} {
    set list [list [file normalize $dir]]
    return TCLLIBPATH=[expr {[regexp {^[\w./+,:@%-]+$} $list] ? $list : "'[string map {' '\\''} $list]'"}]
}

# Where this tclsh looks for packages of its own: those of the site first, never inside
# the checkout or a package.
proc ::build::Places {} {
    variable root
    set places {}
    foreach dir [concat [expr {[info exists ::tcl_pkgPath] ? $::tcl_pkgPath : {}}] $::auto_path] {
        set dir [file normalize $dir]
        if {$dir in $places || $dir eq [info library] || [file exists [file join $dir pkgIndex.tcl]]
                || $dir eq $root || [string match $dir/* $root/] || ![string match */lib* $dir]} {
            continue
        }
        lappend places $dir
    }
    set site [lsearch -all -inline $places */local/*]
    return [concat $site [lsearch -all -inline -not $places */local/*]]
}

# Where the man page goes for packages in directory place: PREFIX/share/man/mann for
# PREFIX/lib... and PREFIX/share..., else no page is installed.
proc ::build::ManDirectory {place} {
    set words [file split $place]
    set found [lsearch -all -regexp $words {^(lib|lib32|lib64|share)$}]
    if {![llength $found] || [lindex $found end] == 0} {
        return ""
    }
    return [file join {*}[lrange $words 0 [lindex $found end]-1] share man mann]
}

# True of a man page that install put there, and of a path where nothing is.
proc ::build::IsOurPage {page} {
    return [expr {![file exists $page] || ([file isfile $page] && [regexp {TLS for Tcl channels} [ReadFile $page]])}]
}

# Makes a directory; returns those that were not there before, innermost last.
proc ::build::MakeDirectory {dir} {
    set fresh {}
    for {set outer $dir} {![file exists $outer]} {set outer [file dirname $outer]} {
        set fresh [linsert $fresh 0 $outer]
    }
    file mkdir $dir
    foreach made $fresh {
        file attributes $made -permissions 0755
    }
    return $fresh
}

# What install noted about a package: a dict with page (or "") and directories.
proc ::build::Installed {target} {
    set note [dict create page "" directories {}]
    catch {
        set note [dict merge $note [ReadFile [file join $target installed]]]
    }
    return $note
}

proc ::build::InstallPage {place} {
    variable root
    set source [file join $root doc tls.n]
    set dir [ManDirectory $place]
    set page [file join $dir tls.n]
    if {$dir eq "" || ![file isfile $source] || ![IsOurPage $page]} {
        return {}
    }
    if {[catch {MakeDirectory $dir} fresh] || [catch {file copy -force $source $page}]
            || [catch {file attributes $page -permissions 0644}]} {
        return {}
    }
    puts "installed: $page"
    return [list $page $fresh]
}

proc ::build::Install {args} {
    set places $args
    if {![llength $places]} {
        set places [Places]
    }
    foreach place $places {
        set place [file normalize $place]
        set target [file join $place tls[lindex [Versions] 0]]
        if {[file exists $target] && ![IsInstalled $target]} {
            Fail "\"$target\" is there and was not put there by install: whatever did it can take it away"
        }
        if {[catch {MakeDirectory $place} fresh] || ![file writable $place]} {
            continue
        }
        set before [Installed $target]
        set target [MakePackage $place release]
        puts "installed: $target"
        lassign [InstallPage $place] page more
        WriteFile [file join $target installed] [list page $page \
            directories [concat [dict get $before directories] $fresh $more]]\n
        file attributes [file join $target installed] -permissions 0644
        if {$place ni [lmap dir $::auto_path {file normalize $dir}]} {
            puts "this tclsh does not look there by itself: set [LibraryPath $place]"
        }
        return 0
    }
    Fail "cannot write to [join $places {, }]: run it as root, or name a directory"
}

proc ::build::Uninstall {args} {
    set places $args
    if {![llength $places]} {
        set places [Places]
    }
    set name tls[lindex [Versions] 0]
    set found 0
    foreach place $places {
        set target [file join [file normalize $place] $name]
        if {![IsInstalled $target]} {
            continue
        }
        set note [Installed $target]
        file delete -force $target
        puts "removed: $target"
        set found 1
        set page [dict get $note page]
        if {$page ne "" && [file exists $page] && [IsOurPage $page]} {
            file delete $page
            puts "removed: $page"
        }
        # What install made, unless somebody else has put something there since.
        foreach dir [lsort -decreasing -unique [dict get $note directories]] {
            catch {file delete $dir}
        }
    }
    if {!$found} {
        puts "nothing to remove: no $name made by install in [join $places {, }]"
    }
    return 0
}
