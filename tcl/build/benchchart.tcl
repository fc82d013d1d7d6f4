# The chart of the benchmark: a plain SVG, for each case the ratio to the bare peer.

namespace eval ::build {
    variable chartCases {full-ec resumed download upload round-trips}
    variable chartColours {
        bare #8c8c8c tls #1f77b4 tls-events #6baed6 plain #d9d9d9 tls-1.7.22 #d62728 python #2ca02c node #9467bd
    }
    # A longer bar is cut, and two white lines say so.
    variable chartLimit 430
}

# Bars of one case and role; returns {svg height}.
proc ::build::ChartGroup {rows y} {
    variable chartColours
    variable chartLimit
    set body ""
    foreach row $rows {
        dict with row {
            set width [expr {min($chartLimit, 120.0 * $ratio)}]
            append body "<text x=\"24\" y=\"[expr {$y + 10}]\">$subject</text>"
            append body "<rect x=\"120\" y=\"$y\" width=\"[format %.1f $width]\" height=\"12\" fill=\"[dict get $chartColours $subject]\"/>"
            if {$width == $chartLimit} {
                foreach x {525 531} {
                    append body "<path d=\"M$x [expr {$y + 13}]l5 -14\" stroke=\"white\" stroke-width=\"2.5\"/>"
                }
            }
            append body "<text x=\"[format %.1f [expr {126 + $width}]]\" y=\"[expr {$y + 10}]\">[BenchNumber $value] (x [format %.2f $ratio])</text>\n"
            incr y 15
        }
    }
    return [list $body $y]
}

# One line on what was measured with what.
proc ::build::ChartAbout {about} {
    dict with about {
        set text "$date: tls $tls, Tcl $Tcl, OpenSSL $OpenSSL, $processors x $processor; medians of $rounds"
    }
    return [string map {& &amp; < &lt; > &gt;} $text]
}

# about and rows as BenchAbout and BenchAll make them.
proc ::build::BenchChart {about rows} {
    variable chartCases
    variable chartColours
    set y 62
    set body ""
    foreach case $chartCases {
        foreach role {server client} {
            set group [lmap row $rows {
                if {[dict get $row case] ne $case || [dict get $row role] ne $role || ![dict exists $chartColours [dict get $row subject]] ||
                    ![dict exists $row ratio]} {
                    continue
                }
                set row
            }]
            if {![llength $group]} {
                continue
            }
            append body "<text x=\"10\" y=\"[expr {$y + 10}]\" font-weight=\"bold\">$case, as $role: [dict get [lindex $group 0] unit]</text>\n"
            lassign [ChartGroup $group [expr {$y + 17}]] bars y
            append body $bars
            incr y 12
        }
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"$y\" font-family=\"sans-serif\" font-size=\"11\">
<rect width=\"720\" height=\"$y\" fill=\"white\"/>
<text x=\"10\" y=\"20\" font-size=\"14\" font-weight=\"bold\">Beside a bare OpenSSL program (its line is at 1.00)</text>
<text x=\"10\" y=\"36\">CPU of a handshake: shorter is better. MB/s and round trips: longer is better.</text>
<text x=\"10\" y=\"50\">[ChartAbout $about]</text>
<line x1=\"240\" y1=\"58\" x2=\"240\" y2=\"$y\" stroke=\"#8c8c8c\" stroke-dasharray=\"2,3\"/>
$body</svg>
"
}
