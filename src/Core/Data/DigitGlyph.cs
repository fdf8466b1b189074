namespace DistTrain.Core.Data;

/// <summary>
/// One way to write a digit: strokes through points in a unit square, x to the right and y down.
/// <see cref="SyntheticDigits"/> distorts them.
/// </summary>
internal sealed class DigitGlyph(params DigitGlyph.Stroke[] strokes)
{
    /// <summary>Most points a stroke has.</summary>
    public const int MaximumPoints = 16;

    /// <summary>The strokes, in the order they are drawn.</summary>
    public Stroke[] Strokes { get; } = strokes;

    /// <summary>The ways to write each digit, 0 to 9.</summary>
    public static DigitGlyph[][] ByDigit { get; } =
    [
        [
            new(Curve(.50, .05, .22, .18, .12, .50, .22, .82, .50, .95, .78, .82, .88, .50, .78, .18, .50, .05)),
            new(Curve(.62, .08, .30, .15, .14, .52, .28, .88, .58, .92, .82, .70, .84, .36, .66, .12, .42, .10)),
        ],
        [
            new(Lines(.50, .05, .50, .95)),
            new(Lines(.30, .25, .54, .05, .54, .95)),
            new(Lines(.32, .24, .52, .05, .52, .95), Lines(.28, .95, .76, .95)),
        ],
        [
            new(Curve(.20, .28, .35, .08, .65, .07, .80, .27, .65, .52, .38, .75, .17, .94), Lines(.17, .94, .85, .93)),
            new(Curve(.22, .22, .45, .06, .74, .18, .68, .46, .42, .74, .20, .90, .24, .76, .46, .82, .68, .94, .88, .86)),
        ],
        [
            new(Curve(.20, .15, .45, .05, .72, .14, .70, .36, .42, .47), Curve(.42, .47, .75, .56, .80, .78, .52, .95, .18, .85)),
            new(Lines(.20, .07, .78, .07, .45, .42), Curve(.45, .42, .78, .55, .80, .78, .52, .95, .18, .86)),
        ],
        [
            new(Lines(.25, .08, .18, .58, .85, .55), Lines(.68, .10, .66, .95)),
            new(Lines(.62, .95, .62, .05, .12, .65, .88, .65)),
            new(Curve(.28, .08, .20, .34, .30, .54, .56, .52, .74, .36), Lines(.76, .08, .70, .95)),
        ],
        [
            new(Lines(.78, .07, .28, .08, .24, .45), Curve(.24, .45, .50, .37, .78, .50, .80, .75, .52, .95, .18, .86)),
            new(Curve(.32, .10, .24, .42, .52, .40, .76, .58, .68, .86, .40, .95, .16, .84), Lines(.32, .10, .82, .05)),
        ],
        [
            new(Curve(.70, .07, .38, .28, .20, .62, .32, .90, .60, .93, .78, .74, .62, .53, .36, .57, .23, .72)),
            new(Curve(.44, .05, .26, .35, .22, .70, .40, .94, .68, .88, .72, .66, .50, .56, .28, .70)),
        ],
        [
            new(Lines(.15, .08, .82, .08, .40, .95)),
            new(Lines(.15, .10, .82, .08, .42, .95), Lines(.32, .50, .76, .48)),
            new(Curve(.14, .18, .40, .08, .82, .10, .62, .42, .48, .95)),
        ],
        [
            new(Curve(.50, .48, .25, .32, .30, .10, .55, .05, .76, .18, .65, .40,
                .35, .58, .20, .78, .45, .96, .75, .84, .72, .62, .50, .48)),
            new(Curve(.50, .05, .26, .16, .30, .40, .50, .47, .70, .40, .74, .16, .50, .05),
                Curve(.50, .47, .20, .60, .22, .86, .50, .95, .78, .86, .80, .60, .50, .47)),
        ],
        [
            new(Curve(.76, .25, .55, .06, .28, .14, .24, .38, .48, .50, .72, .35, .77, .22), Curve(.77, .22, .74, .60, .60, .95)),
            new(Curve(.74, .20, .50, .05, .26, .20, .32, .44, .58, .46, .76, .26), Curve(.76, .26, .78, .66, .62, .92, .34, .90)),
        ],
    ];

    private static Stroke Curve(params double[] points) => new(true, points);

    private static Stroke Lines(params double[] points) => new(false, points);

    /// <summary>A pen's way from its going down to its lifting.</summary>
    /// <param name="IsSmooth">True for a curve through the points, false for straight lines between them.</param>
    /// <param name="Points">x and y of each point in turn.</param>
    public sealed record Stroke(bool IsSmooth, double[] Points);
}
