using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>A row of a register tile: a few registers side by side. The JIT keeps its fields in registers.</summary>
/// <typeparam name="TSelf">The row itself.</typeparam>
internal unsafe interface ITileRow<TSelf>
    where TSelf : unmanaged, ITileRow<TSelf>
{
    /// <summary>How many floats it holds.</summary>
    static abstract int Columns { get; }

    /// <summary>Reads <see cref="Columns"/> floats.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Writes <see cref="Columns"/> floats.</summary>
    void Store(float* destination);

    /// <summary>Each element becomes <c>fma(a, b, element)</c>.</summary>
    void MultiplyAdd(float a, in TSelf b);

    /// <summary>Each element becomes the stored one plus itself.</summary>
    void AddStored(float* left);

    /// <summary>Each element becomes itself plus <paramref name="value"/>.</summary>
    void Add(float value);

    /// <summary>Each element x becomes <c>x &lt;= 0 ? 0 : x</c>.</summary>
    void Rectify();
}

/// <summary>A row that takes the element to multiply by as a register full of it.</summary>
/// <typeparam name="TSelf">The row itself.</typeparam>
/// <typeparam name="TLanes">A register.</typeparam>
internal interface IBroadcastRow<TSelf, TLanes>
    where TSelf : unmanaged
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    /// <summary>Each element becomes <c>fma(a, b, element)</c>.</summary>
    void MultiplyAdd(TLanes a, in TSelf b);
}

/// <summary>One register.</summary>
internal unsafe struct TileRow1<TLanes> : ITileRow<TileRow1<TLanes>>, IBroadcastRow<TileRow1<TLanes>, TLanes>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private TLanes _v0;

    public static int Columns => 1 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow1<TLanes> Load(float* source)
    {
        TileRow1<TLanes> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow1<TLanes> b) => MultiplyAdd(TLanes.Create(a), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(TLanes a, in TileRow1<TLanes> b)
    {
        _v0 = TLanes.MultiplyAdd(a, b._v0, _v0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rectify()
    {
        _v0 = TLanes.SelectLessOrEqual(_v0, TLanes.Zero, TLanes.Zero, _v0);
    }
}

/// <summary>Two registers.</summary>
internal unsafe struct TileRow2<TLanes> : ITileRow<TileRow2<TLanes>>, IBroadcastRow<TileRow2<TLanes>, TLanes>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private TLanes _v0, _v1;

    public static int Columns => 2 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow2<TLanes> Load(float* source)
    {
        TileRow2<TLanes> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        row._v1 = TLanes.Load(source + (1 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
        TLanes.Store(_v1, destination + (1 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow2<TLanes> b) => MultiplyAdd(TLanes.Create(a), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(TLanes a, in TileRow2<TLanes> b)
    {
        _v0 = TLanes.MultiplyAdd(a, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(a, b._v1, _v1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
        _v1 = TLanes.Load(left + (1 * TLanes.Count)) + _v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
        _v1 += broadcast;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rectify()
    {
        _v0 = TLanes.SelectLessOrEqual(_v0, TLanes.Zero, TLanes.Zero, _v0);
        _v1 = TLanes.SelectLessOrEqual(_v1, TLanes.Zero, TLanes.Zero, _v1);
    }
}

/// <summary>Three registers.</summary>
internal unsafe struct TileRow3<TLanes> : ITileRow<TileRow3<TLanes>>, IBroadcastRow<TileRow3<TLanes>, TLanes>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private TLanes _v0, _v1, _v2;

    public static int Columns => 3 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow3<TLanes> Load(float* source)
    {
        TileRow3<TLanes> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        row._v1 = TLanes.Load(source + (1 * TLanes.Count));
        row._v2 = TLanes.Load(source + (2 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
        TLanes.Store(_v1, destination + (1 * TLanes.Count));
        TLanes.Store(_v2, destination + (2 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow3<TLanes> b) => MultiplyAdd(TLanes.Create(a), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(TLanes a, in TileRow3<TLanes> b)
    {
        _v0 = TLanes.MultiplyAdd(a, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(a, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(a, b._v2, _v2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
        _v1 = TLanes.Load(left + (1 * TLanes.Count)) + _v1;
        _v2 = TLanes.Load(left + (2 * TLanes.Count)) + _v2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
        _v1 += broadcast;
        _v2 += broadcast;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rectify()
    {
        _v0 = TLanes.SelectLessOrEqual(_v0, TLanes.Zero, TLanes.Zero, _v0);
        _v1 = TLanes.SelectLessOrEqual(_v1, TLanes.Zero, TLanes.Zero, _v1);
        _v2 = TLanes.SelectLessOrEqual(_v2, TLanes.Zero, TLanes.Zero, _v2);
    }
}

/// <summary>Four registers.</summary>
internal unsafe struct TileRow4<TLanes> : ITileRow<TileRow4<TLanes>>, IBroadcastRow<TileRow4<TLanes>, TLanes>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private TLanes _v0, _v1, _v2, _v3;

    public static int Columns => 4 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow4<TLanes> Load(float* source)
    {
        TileRow4<TLanes> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        row._v1 = TLanes.Load(source + (1 * TLanes.Count));
        row._v2 = TLanes.Load(source + (2 * TLanes.Count));
        row._v3 = TLanes.Load(source + (3 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
        TLanes.Store(_v1, destination + (1 * TLanes.Count));
        TLanes.Store(_v2, destination + (2 * TLanes.Count));
        TLanes.Store(_v3, destination + (3 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow4<TLanes> b) => MultiplyAdd(TLanes.Create(a), b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(TLanes a, in TileRow4<TLanes> b)
    {
        _v0 = TLanes.MultiplyAdd(a, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(a, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(a, b._v2, _v2);
        _v3 = TLanes.MultiplyAdd(a, b._v3, _v3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
        _v1 = TLanes.Load(left + (1 * TLanes.Count)) + _v1;
        _v2 = TLanes.Load(left + (2 * TLanes.Count)) + _v2;
        _v3 = TLanes.Load(left + (3 * TLanes.Count)) + _v3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
        _v1 += broadcast;
        _v2 += broadcast;
        _v3 += broadcast;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rectify()
    {
        _v0 = TLanes.SelectLessOrEqual(_v0, TLanes.Zero, TLanes.Zero, _v0);
        _v1 = TLanes.SelectLessOrEqual(_v1, TLanes.Zero, TLanes.Zero, _v1);
        _v2 = TLanes.SelectLessOrEqual(_v2, TLanes.Zero, TLanes.Zero, _v2);
        _v3 = TLanes.SelectLessOrEqual(_v3, TLanes.Zero, TLanes.Zero, _v3);
    }
}

/// <summary>Some registers and half of one, for a last panel that needs no more. Its columns lie as if the last were whole.</summary>
/// <typeparam name="TRow">The whole ones, of 512 bits.</typeparam>
internal unsafe struct TileRowAndHalf<TRow> : ITileRow<TileRowAndHalf<TRow>>
    where TRow : unmanaged, ITileRow<TRow>, IBroadcastRow<TRow, Lanes512>
{
    private TRow _whole;
    private Lanes256 _half;

    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TRow.Columns + Lanes512.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRowAndHalf<TRow> Load(float* source)
    {
        TileRowAndHalf<TRow> row;
        row._whole = TRow.Load(source);
        row._half = Lanes256.Load(source + TRow.Columns);
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        _whole.Store(destination);
        Lanes256.Store(_half, destination + TRow.Columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRowAndHalf<TRow> b)
    {
        // One broadcast for both: its lower half is a register of its own.
        var broadcast = Lanes512.Create(a);
        _whole.MultiplyAdd(broadcast, b._whole);
        _half = Lanes256.MultiplyAdd(broadcast.Lower, b._half, _half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _whole.AddStored(left);
        _half = Lanes256.Load(left + TRow.Columns) + _half;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        _whole.Add(value);
        _half += Lanes256.Create(value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rectify()
    {
        _whole.Rectify();
        _half = Lanes256.SelectLessOrEqual(_half, Lanes256.Zero, Lanes256.Zero, _half);
    }
}
