using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>A <see cref="TapGradient{TLanes}"/> of any width.</summary>
internal unsafe interface ITapGradient : IDisposable
{
    /// <summary><see cref="Kernels{T}.ConvolutionWeightGradient"/></summary>
    void Run(Matrix<float> outputGradient, Matrix<float> input, FoldPlan plan, float** nodeBuffers, int offset, int firstRow);
}

/// <summary>
/// A convolution's weight gradient: per shard one chain over (sample, oy, ox) for every (filter, tap), shards folded along the tree. Computed
/// transposed, (taps × filters): a tap's pixels are then elements to broadcast straight from the image, and only the output gradient, the
/// smaller of the two, is laid out anew. Sums wait in memory from one block of samples to the next, and the tree's in a stack.
/// </summary>
internal sealed unsafe class TapGradient<TLanes> : ITapGradient
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    /// <summary>Samples per block: as many as fit into this much of the second-level cache.</summary>
    private const int BlockBytes = 256 * 1024;

    private const int MaximumBlock = 32;

    private readonly TileShape _shape;
    private readonly TapImage _image;
    private readonly int _filters;
    private readonly int _filterVectors;
    private readonly int _block;
    private readonly int _paddedTaps;
    private readonly int _sumLength;
    private readonly AlignedBuffer<float> _images;
    private readonly AlignedBuffer<float> _transposed;
    private readonly AlignedBuffer<nint> _runs;
    private AlignedBuffer<float> _sums = new(0);
    private int _row;
    private int _node;
    private int _shard;
    private float* _sum;

    public TapGradient(TapImage image, int filters)
    {
        (_image, _filters) = (image, filters);
        _filterVectors = Panels.VectorCount<TLanes>(filters);
        _shape = _filterVectors == 1 ? TileShape.OneVector : TileShape.Highest<TLanes>();
        var transposedLength = checked(image.Pixels * _filterVectors * TLanes.Count);
        _block = Math.Clamp(BlockBytes / sizeof(float) / (image.Length + transposedLength), 1, MaximumBlock);
        _images = new AlignedBuffer<float>(checked(_block * image.Length));
        _transposed = new AlignedBuffer<float>(checked(_block * transposedLength));
        _runs = new AlignedBuffer<nint>(_block * image.RunCount);
        for (var i = 0; i < _runs.Length; i++)
        {
            _runs.Span[i] = ((nint)(i / image.RunCount) * image.Length) + ((nint)(i % image.RunCount) * image.RunPitch);
        }

        _paddedTaps = (image.Depth + TapImage.OffsetGranularity - 1) / TapImage.OffsetGranularity * TapImage.OffsetGranularity;
        _sumLength = checked(_paddedTaps * _filterVectors * TLanes.Count);
    }

    /// <summary><see cref="Kernels{T}.ConvolutionWeightGradient"/></summary>
    public void Run(Matrix<float> outputGradient, Matrix<float> input, FoldPlan plan, float** nodeBuffers, int offset, int firstRow)
    {
        if (firstRow == 0)
        {
            (_row, _node) = (0, 0);
            BeginNode(plan);
            CompleteShards(plan, nodeBuffers, offset);
        }

        for (var done = 0; done < outputGradient.Rows;)
        {
            var end = plan.Nodes[_node].RowBounds[_shard + 1];
            var count = Math.Min(end - _row, outputGradient.Rows - done);
            SumRows(outputGradient.Slice(done, count), input.Slice(done, count), continues: _row > plan.Nodes[_node].RowBounds[_shard], _sum);
            _row += count;
            done += count;
            CompleteShards(plan, nodeBuffers, offset);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _images.Dispose();
        _transposed.Dispose();
        _runs.Dispose();
        _sums.Dispose();
    }

    private void BeginNode(FoldPlan plan)
    {
        _shard = 0;
        if (_node < plan.Nodes.Count)
        {
            _sum = RoomForSums(FoldOrder.Depth(plan.Nodes[_node].RowBounds.Length - 1));
        }
    }

    /// <summary>Folds the shards whose rows are all there, and completes nodes.</summary>
    private void CompleteShards(FoldPlan plan, float** nodeBuffers, int offset)
    {
        while (_node < plan.Nodes.Count && plan.Nodes[_node].RowBounds[_shard + 1] == _row)
        {
            var bounds = plan.Nodes[_node].RowBounds;
            if (bounds[_shard] == bounds[_shard + 1])
            {
                new Span<float>(_sum, _sumLength).Clear();
            }

            var isLast = _shard == bounds.Length - 2;
            for (var folds = FoldOrder.FoldsAfter(_shard, isLast); folds > 0; folds--)
            {
                _sum -= _sumLength;
                for (var at = 0; at < _sumLength; at += TLanes.Count)
                {
                    TLanes.Store(TLanes.Load(_sum + at) + TLanes.Load(_sum + _sumLength + at), _sum + at);
                }
            }

            _sum += _sumLength;
            _shard++;
            if (isLast)
            {
                Transpose(_sums.Pointer, nodeBuffers[_node] + offset);
                _node++;
                BeginNode(plan);
            }
        }
    }

    private float* RoomForSums(int count)
    {
        var length = checked(count * _sumLength);
        if (_sums.Length < length)
        {
            _sums.Dispose();
            _sums = new AlignedBuffer<float>(length);
        }

        return _sums.Pointer;
    }

    /// <summary>Adds rows of one shard to its sums.</summary>
    private void SumRows(Matrix<float> outputGradient, Matrix<float> input, bool continues, float* sums)
    {
        for (var first = 0; first < input.Rows; first += _block)
        {
            var count = Math.Min(_block, input.Rows - first);
            for (var n = 0; n < count; n++)
            {
                _image.Load(input.Data + ((nint)(first + n) * input.Stride), _images.Pointer + ((nint)n * _image.Length));
            }

            var task = new RunTask
            {
                A = _images.Pointer,
                Runs = _runs.Pointer,
                RunCount = count * _image.RunCount,
                RunLength = _image.RunLength,
                B = _transposed.Pointer,
                ContinuesChain = continues || first > 0,
            };
            for (var (v, vectors) = (0, 0); v < _filterVectors; v += vectors)
            {
                vectors = _shape.NextVectors(_filterVectors - v);
                var width = vectors * TLanes.Count;
                var gradient = outputGradient.Data + ((nint)first * outputGradient.Stride) + ((nint)v * TLanes.Count * _image.Pixels);
                var valid = Math.Min(width, _filters - (v * TLanes.Count));
                for (var n = 0; n < count; n++)
                {
                    Transposition.Run(
                        gradient + ((nint)n * outputGradient.Stride), _image.Pixels, _transposed.Pointer + ((nint)n * _image.Pixels * width), width, valid, _image.Pixels);
                }

                task.C = sums + ((nint)v * TLanes.Count * _paddedTaps);
                for (var (tap, rows) = (0, 0); tap < _image.Depth; tap += rows, task.C += rows * width)
                {
                    rows = _shape.NextRows(_image.Depth - tap);
                    task.Offsets = _image.Offsets + tap;
                    RunTiles.Run<TLanes>(rows, vectors, task);
                }
            }
        }
    }

    /// <summary>From panels of (taps × some filters) to (filters × taps).</summary>
    private void Transpose(float* sums, float* weightGradient)
    {
        for (var (v, vectors) = (0, 0); v < _filterVectors; v += vectors)
        {
            vectors = _shape.NextVectors(_filterVectors - v);
            var width = vectors * TLanes.Count;
            var filter = v * TLanes.Count;
            Transposition.Run(
                sums + ((nint)filter * _paddedTaps), width, weightGradient + ((nint)filter * _image.Depth), _image.Depth, _image.Depth, Math.Min(width, _filters - filter));
        }
    }
}
