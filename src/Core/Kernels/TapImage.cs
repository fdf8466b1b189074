using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>
/// How a sample's image is laid out in scratch memory so that every tap of a convolution, for every output pixel, is a plain offset: with its
/// padding, strides taken apart (or, in the input gradient, filled with zeros), runs of output pixels are runs of memory. Tap k of pixel
/// (run, x) is at <c>Offsets[k] + run · RunPitch + x</c>.
/// </summary>
/// <remarks>
/// The zeros right of a row are those left of the next one: rows are then closer together, and fewer of the pixels between two runs
/// are computed for nobody.
/// </remarks>
internal sealed unsafe class TapImage : IDisposable
{
    /// <summary>Offsets are repeated up to a multiple of this many, so that a tile may read as many as it has rows.</summary>
    public const int OffsetGranularity = 8;

    /// <summary>What vectors may read beyond the last pixel: a tile row of three, one more that begins at the last element.</summary>
    private const int Slack = 64;

    private readonly AlignedBuffer<nint> _offsets;
    private readonly int _channels;
    private readonly int[] _rows;
    private readonly int[] _columns;
    private readonly int _channelLength;
    private readonly bool _hasWholeRows;
    private readonly bool _isPlain;

    /// <param name="channels">Of the source.</param>
    /// <param name="rows">Where each of the source's rows goes within a channel; −1 for one that no tap sees.</param>
    /// <param name="columns">How far each of the source's columns is from its row's place; −1 for one that no tap sees.</param>
    /// <param name="channelLength">Elements of a channel here.</param>
    /// <param name="offsets">Of the taps.</param>
    private TapImage(int channels, int[] rows, int[] columns, int channelLength, nint[] offsets)
    {
        (_channels, _rows, _columns, _channelLength) = (channels, rows, columns, channelLength);
        Depth = offsets.Length;
        _offsets = new AlignedBuffer<nint>((Depth + OffsetGranularity - 1) / OffsetGranularity * OffsetGranularity);
        _offsets.Span.Fill(offsets[^1]);
        offsets.CopyTo(_offsets.Span);
        _hasWholeRows = columns[0] >= 0 && Enumerable.Range(0, columns.Length).All(x => columns[x] == columns[0] + x);
        _isPlain = _hasWholeRows && columns[0] == 0 && channelLength == rows.Length * columns.Length
            && Enumerable.Range(0, rows.Length).All(y => rows[y] == y * columns.Length);
    }

    /// <summary>The number of taps, K.</summary>
    public int Depth { get; }

    /// <summary>The taps' offsets; the last is repeated.</summary>
    public nint* Offsets => _offsets.Pointer;

    /// <summary>Rows of output pixels.</summary>
    public required int RunCount { get; init; }

    /// <summary>Output pixels in a row.</summary>
    public required int RunLength { get; init; }

    /// <summary>From one row's first pixel to the next one's, here.</summary>
    public required int RunPitch { get; init; }

    /// <summary>Output pixels, with those between the runs that nobody wants.</summary>
    public int WideColumns => ((RunCount - 1) * RunPitch) + RunLength;

    /// <summary>Output pixels.</summary>
    public int Pixels => RunCount * RunLength;

    /// <summary>Elements of a sample here; whole cache lines, and readable a few vectors beyond its last pixel.</summary>
    public int Length => ((_channels * _channelLength) + RunPitch + Slack + RowLayout.Granularity - 1) / RowLayout.Granularity * RowLayout.Granularity;

    /// <summary>The input as the forward pass and the weight gradient see it: taps are (channel, ky, kx).</summary>
    public static TapImage OfInput(ImageWindows w)
    {
        // With a stride s, elements whose coordinates are equal modulo s become an image of their own: there the windows' stride is 1.
        var (s, p) = (w.Stride, w.Padding);
        var (phaseRows, phaseColumns) = (Math.Min(s, w.KernelHeight), Math.Min(s, w.KernelWidth));
        var pitch = s == 1 ? Math.Max(w.Width + p, w.OutputWidth) : (w.Width + (2 * p) + s - 1) / s;
        var phaseLength = ((w.Height + (2 * p) + s - 1) / s * pitch) + (s == 1 ? p : 0);
        var channelLength = phaseRows * phaseColumns * phaseLength;
        var rows = Enumerable.Range(p, w.Height)
            .Select(y => y % s < phaseRows ? (y % s * phaseColumns * phaseLength) + (y / s * pitch) : -1);
        var columns = Enumerable.Range(p, w.Width).Select(x => x % s < phaseColumns ? (x % s * phaseLength) + (x / s) : -1);
        var offsets = Taps(w.Channels, w).Select(tap =>
            ((nint)tap.Channel * channelLength) + (((tap.Ky % s * phaseColumns) + (tap.Kx % s)) * phaseLength) + (tap.Ky / s * pitch) + (tap.Kx / s));
        return new TapImage(w.Channels, [.. rows], [.. columns], channelLength, [.. offsets])
        {
            RunCount = w.OutputHeight,
            RunLength = w.OutputWidth,
            RunPitch = pitch,
        };
    }

    /// <summary>The output gradient as the input gradient sees it, zeros between its elements if the stride is above 1: taps are (filter, ky, kx).</summary>
    public static TapImage OfOutputGradient(ImageWindows w, int filters)
    {
        var (height, width) = (w.Height + w.KernelHeight - 1, w.Width + w.KernelWidth - 1);
        var rows = Places(w.OutputHeight, w.KernelHeight, height);
        var columns = Places(w.OutputWidth, w.KernelWidth, width);
        var first = columns.Where(x => x >= 0).DefaultIfEmpty(width).Min();
        var pitch = Math.Max(w.Width, Math.Max(width - first, columns.Max() + 1));
        var channelLength = (height * pitch) + (width - pitch);
        var offsets = Taps(filters, w).Select(tap =>
            ((nint)tap.Channel * channelLength) + ((w.KernelHeight - 1 - tap.Ky) * pitch) + w.KernelWidth - 1 - tap.Kx);
        return new TapImage(filters, [.. rows.Select(y => y < 0 ? -1 : y * pitch)], columns, channelLength, [.. offsets])
        {
            RunCount = w.Height,
            RunLength = w.Width,
            RunPitch = pitch,
        };

        // Element o reaches the input from o·s − p on, the last tap first.
        int[] Places(int count, int kernel, int length) =>
            [.. Enumerable.Range(0, count).Select(o => (o * w.Stride) - w.Padding + kernel - 1).Select(place => place < 0 || place >= length ? -1 : place)];
    }

    /// <summary>Lays a sample out in <paramref name="image"/>, which holds zeros or another sample of this layout.</summary>
    public void Load(float* source, float* image)
    {
        var (height, width) = (_rows.Length, _columns.Length);
        if (_isPlain)
        {
            var count = _channels * height * width;
            new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(image, count));
            return;
        }

        for (var channel = 0; channel < _channels; channel++, image += _channelLength)
        {
            for (var y = 0; y < height; y++, source += width)
            {
                if (_rows[y] < 0)
                {
                    continue;
                }

                if (_hasWholeRows)
                {
                    RowCopy.Copy(source, image + _rows[y] + _columns[0], width);
                    continue;
                }

                var row = image + _rows[y];
                for (var x = 0; x < width; x++)
                {
                    if (_columns[x] >= 0)
                    {
                        row[_columns[x]] = source[x];
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _offsets.Dispose();

    private static IEnumerable<(int Channel, int Ky, int Kx)> Taps(int channels, ImageWindows w) =>
        from channel in Enumerable.Range(0, channels)
        from ky in Enumerable.Range(0, w.KernelHeight)
        from kx in Enumerable.Range(0, w.KernelWidth)
        select (channel, ky, kx);
}
