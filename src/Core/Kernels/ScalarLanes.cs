using System.Numerics;
using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>One element: the width of the reference kernels and of loop tails.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly unsafe struct ScalarLanes<T>(T value) : ILanes<ScalarLanes<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The element.</summary>
    public T Value { get; } = value;

    /// <inheritdoc/>
    public static int Count => 1;

    /// <inheritdoc/>
    public static ScalarLanes<T> Zero => new(T.Zero);

    /// <inheritdoc/>
    public static ScalarLanes<T> Create(T value) => new(value);

    /// <inheritdoc/>
    public static ScalarLanes<T> Load(T* source) => new(*source);

    /// <inheritdoc/>
    public static ScalarLanes<T> LoadBytes(byte* source) => new(T.CreateChecked(*source));

    /// <inheritdoc/>
    public static void Store(ScalarLanes<T> value, T* destination) => *destination = value.Value;

    /// <inheritdoc/>
    public static ScalarLanes<T> MultiplyAdd(ScalarLanes<T> a, ScalarLanes<T> b, ScalarLanes<T> c) =>
        new(T.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    /// <inheritdoc/>
    public static ScalarLanes<T> Sqrt(ScalarLanes<T> value) => new(T.Sqrt(value.Value));

    /// <inheritdoc/>
    public static void AddSquares(ScalarLanes<T> values, double* sums)
    {
        var x = double.CreateChecked(values.Value);
        *sums = Math.FusedMultiplyAdd(x, x, *sums);
    }

    /// <inheritdoc/>
    public static ScalarLanes<T> Abs(ScalarLanes<T> value) => new(T.Abs(value.Value));

    /// <inheritdoc/>
    public static ScalarLanes<T> SelectLessOrEqual(ScalarLanes<T> a, ScalarLanes<T> b, ScalarLanes<T> ifTrue, ScalarLanes<T> ifFalse) =>
        a.Value <= b.Value ? ifTrue : ifFalse;

    /// <inheritdoc/>
    public static ScalarLanes<T> Exp(ScalarLanes<T> x) => new(Elementary.Exp(x.Value));

    /// <inheritdoc/>
    public static ScalarLanes<T> Log(ScalarLanes<T> x) => new(Elementary.Log(x.Value));

    /// <inheritdoc/>
    public static ScalarLanes<T> Tanh(ScalarLanes<T> x) => new(Elementary.Tanh(x.Value));

    /// <inheritdoc/>
    public static ScalarLanes<T> operator +(ScalarLanes<T> left, ScalarLanes<T> right) => new(left.Value + right.Value);

    /// <inheritdoc/>
    public static ScalarLanes<T> operator -(ScalarLanes<T> left, ScalarLanes<T> right) => new(left.Value - right.Value);

    /// <inheritdoc/>
    public static ScalarLanes<T> operator *(ScalarLanes<T> left, ScalarLanes<T> right) => new(left.Value * right.Value);

    /// <inheritdoc/>
    public static ScalarLanes<T> operator /(ScalarLanes<T> left, ScalarLanes<T> right) => new(left.Value / right.Value);

    /// <inheritdoc/>
    public static ScalarLanes<T> operator -(ScalarLanes<T> value) => new(-value.Value);
}
