namespace DistTrain.Core.Kernels;

/// <summary>A formula of one element, with its constants; written once, run at every width.</summary>
public interface IUnaryOperator
{
    /// <summary>The formula.</summary>
    TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>;
}

/// <summary>A formula of two elements, with its constants; written once, run at every width.</summary>
public interface IBinaryOperator
{
    /// <summary>The formula.</summary>
    TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>;
}

/// <summary>An optimizer's formula for one parameter; written once, run at every width.</summary>
/// <typeparam name="T">The element type.</typeparam>
public interface IUpdateOperator<T>
    where T : unmanaged
{
    /// <summary>Updates a parameter and up to two slots of state from its gradient sum.</summary>
    void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>;
}
