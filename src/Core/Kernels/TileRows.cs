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
}

/// <summary>One register.</summary>
internal unsafe struct TileRow1<TLanes> : ITileRow<TileRow1<TLanes>>
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
    public void MultiplyAdd(float a, in TileRow1<TLanes> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
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
}

/// <summary>Two registers.</summary>
internal unsafe struct TileRow2<TLanes> : ITileRow<TileRow2<TLanes>>
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
    public void MultiplyAdd(float a, in TileRow2<TLanes> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(broadcast, b._v1, _v1);
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
}

/// <summary>Three registers.</summary>
internal unsafe struct TileRow3<TLanes> : ITileRow<TileRow3<TLanes>>
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
    public void MultiplyAdd(float a, in TileRow3<TLanes> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(broadcast, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(broadcast, b._v2, _v2);
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
}

/// <summary>Four registers.</summary>
internal unsafe struct TileRow4<TLanes> : ITileRow<TileRow4<TLanes>>
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
    public void MultiplyAdd(float a, in TileRow4<TLanes> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(broadcast, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(broadcast, b._v2, _v2);
        _v3 = TLanes.MultiplyAdd(broadcast, b._v3, _v3);
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
}

/// <summary>Seven registers.</summary>
internal unsafe struct TileRow7<TLanes> : ITileRow<TileRow7<TLanes>>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private TLanes _v0, _v1, _v2, _v3, _v4, _v5, _v6;

    public static int Columns => 7 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow7<TLanes> Load(float* source)
    {
        TileRow7<TLanes> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        row._v1 = TLanes.Load(source + (1 * TLanes.Count));
        row._v2 = TLanes.Load(source + (2 * TLanes.Count));
        row._v3 = TLanes.Load(source + (3 * TLanes.Count));
        row._v4 = TLanes.Load(source + (4 * TLanes.Count));
        row._v5 = TLanes.Load(source + (5 * TLanes.Count));
        row._v6 = TLanes.Load(source + (6 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
        TLanes.Store(_v1, destination + (1 * TLanes.Count));
        TLanes.Store(_v2, destination + (2 * TLanes.Count));
        TLanes.Store(_v3, destination + (3 * TLanes.Count));
        TLanes.Store(_v4, destination + (4 * TLanes.Count));
        TLanes.Store(_v5, destination + (5 * TLanes.Count));
        TLanes.Store(_v6, destination + (6 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow7<TLanes> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(broadcast, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(broadcast, b._v2, _v2);
        _v3 = TLanes.MultiplyAdd(broadcast, b._v3, _v3);
        _v4 = TLanes.MultiplyAdd(broadcast, b._v4, _v4);
        _v5 = TLanes.MultiplyAdd(broadcast, b._v5, _v5);
        _v6 = TLanes.MultiplyAdd(broadcast, b._v6, _v6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
        _v1 = TLanes.Load(left + (1 * TLanes.Count)) + _v1;
        _v2 = TLanes.Load(left + (2 * TLanes.Count)) + _v2;
        _v3 = TLanes.Load(left + (3 * TLanes.Count)) + _v3;
        _v4 = TLanes.Load(left + (4 * TLanes.Count)) + _v4;
        _v5 = TLanes.Load(left + (5 * TLanes.Count)) + _v5;
        _v6 = TLanes.Load(left + (6 * TLanes.Count)) + _v6;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
        _v1 += broadcast;
        _v2 += broadcast;
        _v3 += broadcast;
        _v4 += broadcast;
        _v5 += broadcast;
        _v6 += broadcast;
    }
}

/// <summary>Six registers and half of one: for a last panel whose last register would be half empty or more. Its columns lie as those of seven.</summary>
/// <typeparam name="TLanes">The six.</typeparam>
/// <typeparam name="THalf">Half as wide.</typeparam>
internal unsafe struct TileRow6AndHalf<TLanes, THalf> : ITileRow<TileRow6AndHalf<TLanes, THalf>>
    where TLanes : unmanaged, ILanes<TLanes, float>
    where THalf : unmanaged, ILanes<THalf, float>
{
    private TLanes _v0, _v1, _v2, _v3, _v4, _v5;
    private THalf _v6;

    public static int Columns => 7 * TLanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileRow6AndHalf<TLanes, THalf> Load(float* source)
    {
        TileRow6AndHalf<TLanes, THalf> row;
        row._v0 = TLanes.Load(source + (0 * TLanes.Count));
        row._v1 = TLanes.Load(source + (1 * TLanes.Count));
        row._v2 = TLanes.Load(source + (2 * TLanes.Count));
        row._v3 = TLanes.Load(source + (3 * TLanes.Count));
        row._v4 = TLanes.Load(source + (4 * TLanes.Count));
        row._v5 = TLanes.Load(source + (5 * TLanes.Count));
        row._v6 = THalf.Load(source + (6 * TLanes.Count));
        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(float* destination)
    {
        TLanes.Store(_v0, destination + (0 * TLanes.Count));
        TLanes.Store(_v1, destination + (1 * TLanes.Count));
        TLanes.Store(_v2, destination + (2 * TLanes.Count));
        TLanes.Store(_v3, destination + (3 * TLanes.Count));
        TLanes.Store(_v4, destination + (4 * TLanes.Count));
        TLanes.Store(_v5, destination + (5 * TLanes.Count));
        THalf.Store(_v6, destination + (6 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a, in TileRow6AndHalf<TLanes, THalf> b)
    {
        var broadcast = TLanes.Create(a);
        _v0 = TLanes.MultiplyAdd(broadcast, b._v0, _v0);
        _v1 = TLanes.MultiplyAdd(broadcast, b._v1, _v1);
        _v2 = TLanes.MultiplyAdd(broadcast, b._v2, _v2);
        _v3 = TLanes.MultiplyAdd(broadcast, b._v3, _v3);
        _v4 = TLanes.MultiplyAdd(broadcast, b._v4, _v4);
        _v5 = TLanes.MultiplyAdd(broadcast, b._v5, _v5);
        _v6 = THalf.MultiplyAdd(THalf.Create(a), b._v6, _v6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddStored(float* left)
    {
        _v0 = TLanes.Load(left + (0 * TLanes.Count)) + _v0;
        _v1 = TLanes.Load(left + (1 * TLanes.Count)) + _v1;
        _v2 = TLanes.Load(left + (2 * TLanes.Count)) + _v2;
        _v3 = TLanes.Load(left + (3 * TLanes.Count)) + _v3;
        _v4 = TLanes.Load(left + (4 * TLanes.Count)) + _v4;
        _v5 = TLanes.Load(left + (5 * TLanes.Count)) + _v5;
        _v6 = THalf.Load(left + (6 * TLanes.Count)) + _v6;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(float value)
    {
        var broadcast = TLanes.Create(value);
        _v0 += broadcast;
        _v1 += broadcast;
        _v2 += broadcast;
        _v3 += broadcast;
        _v4 += broadcast;
        _v5 += broadcast;
        _v6 += THalf.Create(value);
    }
}
