# The chart of the benchmark: a plain SVG, for each case the ratio to the bare peer.

namespace eval ::build {
    variable chartCases {full-ec resumed download upload round-trips}
    variable chartColours {
        bare #8c8c8c tls #1f77b4 tls-events #6baed6 plain #d9d9d9 tls-1.7.22 #d62728 python #2ca02c node #9467bd
    }
}

# Bars of one case and role; returns {svg height}.
proc ::build::ChartGroup {rows y} {
    variable chartColours
    set body ""
    foreach row $rows {
        dict with row {
            set width [expr {min(430, 120.0 * $ratio)}]
            append body "<text x=\"24\" y=\"[expr {$y + 10}]\">$subject</text>"
            append body "<rect x=\"120\" y=\"$y\" width=\"[format %.1f $width]\" height=\"12\" fill=\"[dict get $chartColours $subject]\"/>"
            append body "<text x=\"[format %.1f [expr {126 + $width}]]\" y=\"[expr {$y + 10}]\">[format %.2f $value] (x [format %.2f $ratio])</text>\n"
            incr y 15
        }
    }
    return [list $body $y]
}

# rows as BenchCase makes them; units: case -> what its figure counts.
proc ::build::BenchChart {rows units} {
    variable chartCases
    variable chartColours
    set y 48
    set body ""
    foreach case $chartCases {
        foreach role {server client} {
            set group [lmap row $rows {
                if {[dict get $row case] ne $case || [dict get $row role] ne $role || ![dict exists $chartColours [dict get $row subject]]} {
                    continue
                }
                set row
            }]
            if {![llength $group]} {
                continue
            }
            append body "<text x=\"10\" y=\"[expr {$y + 10}]\" font-weight=\"bold\">$case, as $role: [dict get $units $case]</text>\n"
            lassign [ChartGroup $group [expr {$y + 17}]] bars y
            append body $bars
            incr y 12
        }
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"$y\" font-family=\"sans-serif\" font-size=\"11\">
<rect width=\"720\" height=\"$y\" fill=\"white\"/>
<text x=\"10\" y=\"20\" font-size=\"14\" font-weight=\"bold\">Beside a bare OpenSSL program (its line is at 1.00)</text>
<text x=\"10\" y=\"36\">CPU of a handshake: shorter is better. MB/s and round trips: longer is better.</text>
<line x1=\"240\" y1=\"44\" x2=\"240\" y2=\"$y\" stroke=\"#8c8c8c\" stroke-dasharray=\"2,3\"/>
$body</svg>
"
}
