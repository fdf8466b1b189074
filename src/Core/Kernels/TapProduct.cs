using System.Runtime.CompilerServices;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>
/// result[n, row, pixel] = Σₖ weight(row, k) · tap k of the pixel (+ bias[row]): a convolution forward, or its input gradient. Every element is
/// one chain over k ascending, whatever is chosen here: tiles read the taps directly from the image, computing the few pixels between two
/// runs for nobody, or, where that would be many, from packed panels of just the pixels of several samples.
/// </summary>
internal sealed unsafe class TapProduct<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    /// <summary>k per packed panel: it then stays in the second-level cache.</summary>
    private const int DepthBlock = 1024;

    /// <summary>Images in packed mode: as many as fit into this much of the second-level cache.</summary>
    private const int BlockBytes = 256 * 1024;

    private const int MaximumBlock = 32;

    /// <summary>What packing a vector per k costs, in multiply-adds of a vector; measured by bench/Kernels.</summary>
    private const int PackCost = 4;

    private readonly TileShape _shape;
    private readonly int _panelColumns;

    /// <summary>A panel's rows are one vector apart: what is copied beyond the last piece goes there.</summary>
    private readonly int _panelPitch;

    private readonly TapImage _image;
    private readonly int _rows;
    private readonly bool _isDirect;
    private readonly int _block;
    private readonly AlignedBuffer<float> _images;
    private readonly AlignedBuffer<float> _scratch;
    private readonly AlignedBuffer<float> _panel;
    private readonly AlignedBuffer<nint> _panelOffsets;
    private readonly Piece[] _pieces;
    private readonly int[] _panelStarts;
    private bool _rectifies;

    /// <summary>A run of output pixels, or the part of it that lies in one panel.</summary>
    private readonly record struct Piece(int Sample, int Source, int Column, int Length, int Place);

    public TapProduct(TapImage image, int rows)
    {
        (_image, _rows) = (image, rows);
        _shape = TileShape.For<TLanes>(rows);
        _panelColumns = _shape.Vectors * TLanes.Count;
        _panelPitch = _panelColumns + TLanes.Count;
        var paddedRows = _shape.PaddedRows(rows);
        var wideVectors = Panels.VectorCount<TLanes>(image.WideColumns);
        var packCost = PackCost * Math.Max(1, (float)TLanes.Count / image.RunLength);
        _isDirect = (float)wideVectors * TLanes.Count * paddedRows <= image.Pixels * (paddedRows + packCost);
        _block = _isDirect ? 1 : Math.Clamp(BlockBytes / (image.Length * sizeof(float)), 1, MaximumBlock);
        _images = new AlignedBuffer<float>(checked(_block * image.Length));
        _scratch = new AlignedBuffer<float>(checked(_isDirect ? _shape.Rows * wideVectors * TLanes.Count : paddedRows * _panelColumns));
        _panel = new AlignedBuffer<float>(_isDirect ? 0 : Math.Min(DepthBlock, image.Depth) * _panelPitch);
        _panelOffsets = new AlignedBuffer<nint>(_isDirect ? 0 : Math.Min(DepthBlock, image.Depth));
        for (var k = 0; k < _panelOffsets.Length; k++)
        {
            _panelOffsets.Span[k] = (nint)k * _panelPitch;
        }

        (_pieces, _panelStarts) = Cut(image, _isDirect ? 0 : _block, _panelColumns);
    }

    /// <param name="source">(samples, image)</param>
    /// <param name="weight">(rows, K), without gaps.</param>
    /// <param name="bias">(rows,), or null.</param>
    /// <param name="result">(samples, rows · plane); the image's grid of it is written.</param>
    /// <param name="rectify">Whether each result x is then replaced by <c>x &lt;= 0 ? 0 : x</c>.</param>
    /// <param name="rectified">Where this is at most 0, the result becomes 0, all of its rows with their padding; empty for none.</param>
    public void Run(Matrix<float> source, float* weight, float* bias, Matrix<float> result, bool rectify, Matrix<float> rectified = default)
    {
        _rectifies = rectify;
        for (var first = 0; first < result.Rows; first += _block)
        {
            var count = Math.Min(_block, result.Rows - first);
            for (var n = 0; n < count; n++)
            {
                _image.Load(source.Data + ((nint)(first + n) * source.Stride), _images.Pointer + ((nint)n * _image.Length));
            }

            var output = result.Data + ((nint)first * result.Stride);
            if (_isDirect)
            {
                RunDirect(weight, bias, output);
            }
            else
            {
                RunPacked(count, weight, bias, output, result.Stride);
            }

            if (!rectified.IsEmpty)
            {
                Rectification.Backward<TLanes>(result.Slice(first, count), rectified.Slice(first, count));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _images.Dispose();
        _scratch.Dispose();
        _panel.Dispose();
        _panelOffsets.Dispose();
    }

    private void RunDirect(float* weight, float* bias, float* output)
    {
        var vectors = Panels.VectorCount<TLanes>(_image.WideColumns);
        var pitch = vectors * TLanes.Count;
        var task = new TapTask { ARowStride = _image.Depth, Offsets = _image.Offsets, Depth = _image.Depth, CRowStride = pitch };
        for (var (row, rows) = (0, 0); row < _rows; row += rows)
        {
            rows = _shape.NextRows(_rows - row);
            SetRows(ref task, row, rows, weight, bias);
            task.Rectifies = _rectifies;
            for (var (v, width) = (0, 0); v < vectors; v += width)
            {
                width = _shape.NextVectors(vectors - v);
                task.B = _images.Pointer + (v * TLanes.Count);
                task.C = _scratch.Pointer + (v * TLanes.Count);
                TapTiles.Run<TLanes>(rows, width, task);
            }

            for (var r = 0; r < task.ValidRows; r++)
            {
                var from = _scratch.Pointer + ((nint)r * pitch);
                var to = output + ((nint)(row + r) * _image.Grid.Plane) + _image.Grid.First;
                if (_image.Grid.Step == 1)
                {
                    RowCopy.CopyRows(from, _image.RunPitch, to, _image.Grid.RowStep, _image.RunCount, _image.RunLength);
                    continue;
                }

                for (var run = 0; run < _image.RunCount; run++, from += _image.RunPitch, to += _image.Grid.RowStep)
                {
                    RowCopy.Copy(from, to, _image.RunLength, _image.Grid.Step);
                }
            }
        }
    }

    private void RunPacked(int count, float* weight, float* bias, float* output, int outputStride)
    {
        var task = new TapTask { ARowStride = _image.Depth, B = _panel.Pointer, Offsets = _panelOffsets.Pointer };
        var columns = count * _image.Pixels;
        for (var (panel, column) = (0, 0); column < columns; panel++, column += _panelColumns)
        {
            var pieces = _pieces.AsSpan(_panelStarts[panel].._panelStarts[panel + 1]);
            while (pieces[^1].Sample >= count)
            {
                pieces = pieces[..^1];
            }

            var vectors = Panels.VectorCount<TLanes>(Math.Min(_panelColumns, columns - column));
            // A panel of neighbours in one sample's result is written where it belongs; others by way of a scratch tile.
            var isOneSample = _image.Grid.IsDense(_image.RunLength) && pieces[0].Sample == pieces[^1].Sample && columns - column >= _panelColumns;
            var whole = isOneSample ? output + ((nint)pieces[0].Sample * outputStride) + pieces[0].Place : null;
            var wholeRows = 0;
            for (var k = 0; k < _image.Depth; k += DepthBlock)
            {
                task.Depth = Math.Min(DepthBlock, _image.Depth - k);
                task.ContinuesChain = k > 0;
                Pack(pieces, k, task.Depth);
                for (var (row, rows) = (0, 0); row < _rows; row += rows)
                {
                    rows = _shape.NextRows(_rows - row);
                    SetRows(ref task, row, rows, weight + k, k + DepthBlock >= _image.Depth ? bias : null);
                    task.Rectifies = _rectifies && k + DepthBlock >= _image.Depth;
                    var isWhole = whole is not null && row + rows <= _rows;
                    task.C = isWhole ? whole + ((nint)row * _image.Grid.Plane) : _scratch.Pointer + ((nint)row * _panelColumns);
                    task.CRowStride = isWhole ? _image.Grid.Plane : _panelColumns;
                    wholeRows = isWhole ? row + rows : wholeRows;
                    TapTiles.Run<TLanes>(rows, vectors, task);
                }
            }

            for (var row = wholeRows; row < _rows; row++)
            {
                var from = _scratch.Pointer + ((nint)row * _panelColumns);
                var to = output + ((nint)row * _image.Grid.Plane);
                foreach (var piece in pieces)
                {
                    RowCopy.Copy(from + piece.Column, to + ((nint)piece.Sample * outputStride) + piece.Place, piece.Length, _image.Grid.Step);
                }
            }
        }
    }

    /// <summary>
    /// panel[k, piece's columns] = taps of its pixels, in whole vectors: what they copy too much belongs to the next piece, which comes later,
    /// or to the gap between rows.
    /// </summary>
    private void Pack(ReadOnlySpan<Piece> pieces, int firstTap, int taps)
    {
        var offsets = _image.Offsets + firstTap;
        foreach (var piece in pieces)
        {
            for (var x = 0; x < piece.Length; x += TLanes.Count)
            {
                var from = _images.Pointer + piece.Source + x;
                var to = _panel.Pointer + piece.Column + x;
                if (TLanes.Count > Lanes256.Count && piece.Length - x <= Lanes256.Count)
                {
                    CopyTaps<Lanes256>(from, to, offsets, taps);
                }
                else
                {
                    CopyTaps<TLanes>(from, to, offsets, taps);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyTaps<TAny>(float* from, float* to, nint* offsets, int taps)
        where TAny : unmanaged, ILanes<TAny, float>
    {
        for (var end = offsets + taps; offsets != end; offsets++, to += _panelPitch)
        {
            TAny.Store(TAny.Load(from + *offsets), to);
        }
    }

    private void SetRows(ref TapTask task, int row, int rows, float* weight, float* bias)
    {
        task.A = weight + ((nint)row * _image.Depth);
        task.ValidRows = Math.Min(rows, _rows - row);
        task.Bias = bias is null ? null : bias + row;
    }

    /// <summary>Cuts the pixels of <paramref name="samples"/> samples, one after the other, into panels; panel i has the pieces from <c>Starts[i]</c> on.</summary>
    private static (Piece[] Pieces, int[] Starts) Cut(TapImage image, int samples, int panelColumns)
    {
        var pieces = new List<Piece>();
        var starts = new List<int> { 0 };
        for (var column = 0; column < samples * image.Pixels;)
        {
            var (sample, pixel) = Math.DivRem(column, image.Pixels);
            var (run, x) = Math.DivRem(pixel, image.RunLength);
            var place = column % panelColumns;
            var length = Math.Min(image.RunLength - x, panelColumns - place);
            pieces.Add(new Piece(sample, (sample * image.Length) + (run * image.RunPitch) + x, place, length, image.Grid.Of(run, x)));
            column += length;
            if (column % panelColumns == 0 || column == samples * image.Pixels)
            {
                starts.Add(pieces.Count);
            }
        }

        return ([.. pieces], [.. starts]);
    }
}
