using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Tensors;

public sealed class TensorRulesTests
{
    private static readonly ParameterLayout Layout = new([("0.weight", new Shape(2, 3)), ("0.bias", new Shape(2))]);

    [Fact]
    public void Differences_EqualBits_AreNone()
    {
        using var a = Filled(1, float.NaN, -0f);
        using var b = Filled(1, float.NaN, -0f);
        Assert.Empty(TensorRules.Differences(a, b));
    }

    [Fact]
    public void Differences_TwoTensors_GiveTheFirstElementAndTheLargestDistanceOfEach()
    {
        using var a = Filled(1, 2, 3, 4, 5, 6, 7, 0f);
        using var b = Filled(1, 2, 3, 4.5f, 5, 3, 7, -0f);

        var found = TensorRules.Differences(a, b);

        Assert.Equal(
            [
                new TensorDifference("0.weight", "0.weight[1, 0]", 3, 4, 4.5f, 2, 6, 3),
                new TensorDifference("0.bias", "0.bias[1]", 1, 0f, -0f, 1, 2, 0),
            ],
            found);
    }

    [Fact]
    public void Differences_NaNOnOneSide_HasNoDistance()
    {
        using var a = Filled(1);
        using var b = Filled(float.NaN);
        Assert.Equal(double.NaN, Assert.Single(TensorRules.Differences(a, b)).LargestDistance);
    }

    [Fact]
    public void LayoutDifference_EqualLayouts_IsNone() =>
        Assert.Null(TensorRules.LayoutDifference(Layout, new ParameterLayout([("0.weight", new Shape(2, 3)), ("0.bias", new Shape(2))])));

    [Fact]
    public void LayoutDifference_OtherShapeNameOrCount_NamesTheFirstTensor()
    {
        Assert.Equal("0.bias: (2,) in A, (3,) in B", AgainstLayout(("0.weight", new Shape(2, 3)), ("0.bias", new Shape(3))));
        Assert.Equal("tensor 1: 0.bias (2,) in A, 1.bias (2,) in B", AgainstLayout(("0.weight", new Shape(2, 3)), ("1.bias", new Shape(2))));
        Assert.Equal("tensor 1: 0.bias (2,) in A, nothing in B", AgainstLayout(("0.weight", new Shape(2, 3))));
    }

    [Fact]
    public void Differences_OtherLayout_AreRefused()
    {
        using var a = Filled();
        using var b = new ParameterSet(new ParameterLayout([("0.weight", new Shape(3, 2)), ("0.bias", new Shape(2))]));
        Assert.Throws<ArgumentException>(() => TensorRules.Differences(a, b));
    }

    private static string? AgainstLayout(params (string, Shape)[] tensors) => TensorRules.LayoutDifference(Layout, new ParameterLayout(tensors));

    private static ParameterSet Filled(params float[] values)
    {
        var set = new ParameterSet(Layout);
        set.Values.Clear();
        values.CopyTo(set.Values);
        return set;
    }
}
