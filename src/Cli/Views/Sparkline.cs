namespace DistTrain.Cli.Views;

/// <summary>A curve in one line of text. It keeps the whole course in bounded memory: when full, each two neighbours become their mean.</summary>
public sealed class Sparkline
{
    private const int Most = 256;
    private const string Levels = "▁▂▃▄▅▆▇█";

    private readonly List<double> _values = [];
    private int _perValue = 1;
    private double _sum;
    private int _count;

    /// <summary>One more value; what is not finite is left out.</summary>
    public void Add(double? value)
    {
        if (value is not { } number || !double.IsFinite(number))
        {
            return;
        }

        _sum += number;
        _count++;
        if (_count < _perValue)
        {
            return;
        }

        _values.Add(_sum / _count);
        (_sum, _count) = (0, 0);
        if (_values.Count == Most)
        {
            for (var i = 0; i < Most / 2; i++)
            {
                _values[i] = (_values[2 * i] + _values[(2 * i) + 1]) / 2;
            }

            _values.RemoveRange(Most / 2, Most / 2);
            _perValue *= 2;
        }
    }

    /// <summary>The course so far from its lowest to its highest value, in so many characters at most; empty below two values.</summary>
    public string Draw(int width)
    {
        var columns = Math.Min(width, _values.Count);
        if (columns < 2)
        {
            return "";
        }

        var means = new double[columns];
        for (var i = 0; i < columns; i++)
        {
            var (from, to) = (i * _values.Count / columns, (i + 1) * _values.Count / columns);
            means[i] = _values.GetRange(from, to - from).Average();
        }

        var (low, high) = (means.Min(), means.Max());
        return string.Concat(means.Select(mean => Levels[high > low ? (int)Math.Round((mean - low) / (high - low) * (Levels.Length - 1)) : 0]));
    }
}
