namespace DistTrain.Core.Data;

/// <summary>
/// A square canvas that knows, for each pixel's centre, the distance to the nearest line drawn so far, and turns that into anti-aliased
/// strokes. It uses + − · / and the square root of doubles only, which IEEE 754 rounds alike everywhere.
/// </summary>
internal sealed class StrokeCanvas(int size)
{
    private readonly double[] _squaredDistances = new double[size * size];
    private double _radius;

    /// <summary>An empty canvas for strokes of this radius, in pixels.</summary>
    public void Clear(double radius)
    {
        _radius = radius;
        Array.Fill(_squaredDistances, double.PositiveInfinity);
    }

    /// <summary>A straight line, with round ends; in pixels, the first pixel's centre being (0, 0). What lies outside is cut off.</summary>
    public void Line(double fromX, double fromY, double toX, double toY)
    {
        // A pixel further away than this stays dark, so only a box around the line is visited.
        var reach = _radius + 0.5;
        var left = Math.Max(0, (int)Math.Ceiling(Math.Min(fromX, toX) - reach));
        var right = Math.Min(size - 1, (int)Math.Floor(Math.Max(fromX, toX) + reach));
        var top = Math.Max(0, (int)Math.Ceiling(Math.Min(fromY, toY) - reach));
        var bottom = Math.Min(size - 1, (int)Math.Floor(Math.Max(fromY, toY) + reach));
        double alongX = toX - fromX, alongY = toY - fromY;
        var squaredLength = alongX * alongX + alongY * alongY;
        var scale = squaredLength > 0 ? 1 / squaredLength : 0;
        for (var y = top; y <= bottom; y++)
        {
            var row = _squaredDistances.AsSpan(y * size, size);
            var offsetY = y - fromY;
            for (var x = left; x <= right; x++)
            {
                var offsetX = x - fromX;
                var nearest = (offsetX * alongX + offsetY * alongY) * scale;
                nearest = nearest < 0 ? 0 : nearest > 1 ? 1 : nearest;
                var missX = offsetX - nearest * alongX;
                var missY = offsetY - nearest * alongY;
                var squaredDistance = missX * missX + missY * missY;
                if (squaredDistance < row[x]) row[x] = squaredDistance;
            }
        }
    }

    /// <summary>Writes the canvas as bytes: 255 · <paramref name="intensity"/> inside a stroke, fading over a pixel at its edge.</summary>
    public void Render(Span<byte> pixels, double intensity)
    {
        var reach = _radius + 0.5;
        for (var i = 0; i < pixels.Length; i++)
        {
            var squaredDistance = _squaredDistances[i];
            if (squaredDistance >= reach * reach)
            {
                pixels[i] = 0;
                continue;
            }
            var coverage = Math.Min(1, reach - Math.Sqrt(squaredDistance));
            pixels[i] = (byte)(coverage * intensity * byte.MaxValue + 0.5);
        }
    }
}
