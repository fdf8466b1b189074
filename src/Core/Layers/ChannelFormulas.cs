using System.Numerics;
using System.Runtime.CompilerServices;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Layers;

// Formulas with constants of the element type itself: TElement is T wherever they run.

/// <summary><c>x − c</c></summary>
internal readonly struct SubtractConstant<TElement>(TElement constant) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x - TLanes.Create(Unsafe.BitCast<TElement, T>(constant));
}

/// <summary><c>x · c</c></summary>
internal readonly struct MultiplyConstant<TElement>(TElement constant) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * TLanes.Create(Unsafe.BitCast<TElement, T>(constant));
}

/// <summary><c>x · scale + shift</c>, two roundings.</summary>
internal readonly struct ScaleAndShift<TElement>(TElement scale, TElement shift) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        (x * TLanes.Create(Unsafe.BitCast<TElement, T>(scale))) + TLanes.Create(Unsafe.BitCast<TElement, T>(shift));
}

/// <summary><c>((x − mean) · inverse) · scale + shift</c>, each operation rounded.</summary>
internal readonly struct Normalize<TElement>(TElement mean, TElement inverse, TElement scale, TElement shift) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var normalized = (x - TLanes.Create(Unsafe.BitCast<TElement, T>(mean))) * TLanes.Create(Unsafe.BitCast<TElement, T>(inverse));
        return (normalized * TLanes.Create(Unsafe.BitCast<TElement, T>(scale))) + TLanes.Create(Unsafe.BitCast<TElement, T>(shift));
    }
}

/// <summary><c>scale · ((∂y − mean) − x̂ · slope)</c>, each operation rounded.</summary>
internal readonly struct NormalizeBackward<TElement>(TElement mean, TElement slope, TElement scale) : IBinaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.Create(Unsafe.BitCast<TElement, T>(scale))
        * ((x - TLanes.Create(Unsafe.BitCast<TElement, T>(mean))) - (y * TLanes.Create(Unsafe.BitCast<TElement, T>(slope))));
}

/// <summary><c>(x − c) · y</c></summary>
internal readonly struct SubtractConstantThenMultiply<TElement>(TElement constant) : IBinaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => (x - TLanes.Create(Unsafe.BitCast<TElement, T>(constant))) * y;
}

/// <summary><c>x + y</c></summary>
internal readonly struct Add : IBinaryOperator
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x + y;
}

/// <summary><c>x − y</c></summary>
internal readonly struct Subtract : IBinaryOperator
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x - y;
}

/// <summary><c>x · y</c></summary>
internal readonly struct Multiply : IBinaryOperator
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * y;
}

/// <summary><c>x / y</c></summary>
internal readonly struct Divide : IBinaryOperator
{
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x / y;
}
