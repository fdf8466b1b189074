using System.Runtime.Intrinsics;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>
/// How a sample's image is laid out in scratch memory so that every tap of a convolution, for every output pixel, is a plain offset: with its padding
/// and strides taken apart, runs of output pixels are runs of memory. Tap k of pixel
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
    private readonly bool _hasPairs;
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
        _hasPairs = columns.Length > 1 && columns.Take(2).All(x => x >= 0) && Enumerable.Range(2, columns.Length - 2).All(x => columns[x] == columns[x - 2] + 1);
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

    /// <summary>Where output pixels go.</summary>
    public required PixelGrid Grid { get; init; }

    /// <summary>Output pixels, with those between the runs that nobody wants.</summary>
    public int WideColumns => ((RunCount - 1) * RunPitch) + RunLength;

    /// <summary>Output pixels.</summary>
    public int Pixels => RunCount * RunLength;

    /// <summary>Elements of a sample here; whole cache lines, and readable a few vectors beyond its last pixel.</summary>
    public int Length =>
        checked((_channels * _channelLength) + RunPitch + Slack + RowLayout.Granularity - 1) / RowLayout.Granularity * RowLayout.Granularity;

    /// <summary>The input as the forward pass and the weight gradient see it: taps are (channel, ky, kx).</summary>
    public static TapImage OfInput(ImageWindows w)
    {
        // With a stride s, elements whose coordinates are equal modulo s become an image of their own: there the windows' stride is 1.
        var (s, p) = (w.Stride, w.Padding);
        var (phaseRows, phaseColumns) = (Math.Min(s, w.KernelHeight), Math.Min(s, w.KernelWidth));
        var pitch = s == 1 ? Math.Max(w.Width + p, w.OutputWidth) : (w.Width + (2 * p) + s - 1) / s;
        var phaseLength = checked(((w.Height + (2 * p) + s - 1) / s * pitch) + (s == 1 ? p : 0));
        var channelLength = checked(phaseRows * phaseColumns * phaseLength);
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
            Grid = new PixelGrid(0, w.OutputWidth, 1, w.OutputPixels),
        };
    }

    /// <summary>
    /// The output gradient as input pixels of one phase see it: those (y, x) that are (phaseY, phaseX) modulo the stride, padding added, and only
    /// the taps (filter, ky, kx) that are so too.
    /// </summary>
    public static TapImage OfOutputGradient(ImageWindows w, int filters, int phaseY, int phaseX)
    {
        var vertical = GradientAxis.Of(w.Height, w.OutputHeight, w.KernelHeight, w.Stride, w.Padding, phaseY);
        var horizontal = GradientAxis.Of(w.Width, w.OutputWidth, w.KernelWidth, w.Stride, w.Padding, phaseX);
        var columns = horizontal.Places;
        var width = horizontal.Length;
        var first = columns.Where(x => x >= 0).DefaultIfEmpty(width).Min();
        var pitch = Math.Max(horizontal.Count, Math.Max(width - first, columns.Max() + 1));
        var channelLength = checked((vertical.Length * pitch) + Math.Max(0, width - pitch));
        var offsets =
            from filter in Enumerable.Range(0, filters)
            from ky in Enumerable.Range(0, vertical.Taps)
            from kx in Enumerable.Range(0, horizontal.Taps)
            select ((nint)filter * channelLength) + ((vertical.Taps - 1 - ky) * pitch) + horizontal.Taps - 1 - kx;
        return new TapImage(filters, [.. vertical.Places.Select(y => y < 0 ? -1 : y * pitch)], columns, channelLength, [.. offsets])
        {
            RunCount = vertical.Count,
            RunLength = horizontal.Count,
            RunPitch = pitch,
            Grid = new PixelGrid((vertical.First * w.Width) + horizontal.First, w.Stride * w.Width, w.Stride, w.InputPixels),
        };
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
                }
                else
                {
                    Scatter(source, image + _rows[y]);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _offsets.Dispose();

    /// <summary>A row whose neighbours go to different places: one by one, but with a stride of 2 in pairs.</summary>
    private void Scatter(float* source, float* row)
    {
        var x = 0;
        for (; _hasPairs && x <= _columns.Length - (2 * PoolingOfPairs.Lanes); x += 2 * PoolingOfPairs.Lanes)
        {
            var (even, odd) = PoolingOfPairs.LoadPairs(source + x);
            even.Store(row + _columns[x]);
            odd.Store(row + _columns[x + 1]);
        }

        for (; x < _columns.Length; x++)
        {
            if (_columns[x] >= 0)
            {
                row[_columns[x]] = source[x];
            }
        }
    }

    private static IEnumerable<(int Channel, int Ky, int Kx)> Taps(int channels, ImageWindows w) =>
        from channel in Enumerable.Range(0, channels)
        from ky in Enumerable.Range(0, w.KernelHeight)
        from kx in Enumerable.Range(0, w.KernelWidth)
        select (channel, ky, kx);
}

/// <summary>Pixel (run, x) of channel c is element <c>c · Plane + First + run · RowStep + x · Step</c> of a result's row.</summary>
internal readonly record struct PixelGrid(int First, int RowStep, int Step, int Plane)
{
    /// <summary>Whether runs of <paramref name="runLength"/> pixels lie one after the other without gaps.</summary>
    public bool IsDense(int runLength) => Step == 1 && RowStep == runLength;

    /// <summary>Where a run's first pixel goes in channel 0.</summary>
    public int Of(int run, int x) => First + (run * RowStep) + (x * Step);
}

/// <summary>One axis of an input gradient, for the input coordinates of one phase.</summary>
/// <param name="First">The first input coordinate of this phase.</param>
/// <param name="Count">How many there are; may be 0.</param>
/// <param name="Taps">How many taps they have; may be 0.</param>
/// <param name="Length">Places for output elements that they see, count + taps − 1.</param>
/// <param name="Places">Each output element's place, −1 for one that none of them sees.</param>
internal sealed record GradientAxis(int First, int Count, int Taps, int Length, int[] Places)
{
    /// <summary>Input coordinate i sees output element o by tap k if i + padding − k = o · stride.</summary>
    public static GradientAxis Of(int inputs, int outputs, int kernel, int stride, int padding, int phase)
    {
        var first = (phase - padding + (stride * padding)) % stride;
        var count = first < inputs ? (inputs - 1 - first) / stride + 1 : 0;
        var taps = phase < kernel ? (kernel - 1 - phase) / stride + 1 : 0;
        var length = count + taps - 1;
        // The last tap of the first coordinate sees place 0.
        var seenFirst = ((first + padding - phase) / stride) - (taps - 1);
        var places = Enumerable.Range(-seenFirst, outputs).Select(place => place < 0 || place >= length ? -1 : place);
        return new GradientAxis(first, count, taps, length, [.. places]);
    }
}
