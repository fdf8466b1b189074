using System.Numerics;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

#pragma warning disable RS0030, CS1591 // replaced by the real ones within this sitting
public static class Elementary
{
    public static T Exp<T>(T x) where T : IBinaryFloatingPointIeee754<T> => T.Exp(x);
    public static T Log<T>(T x) where T : IBinaryFloatingPointIeee754<T> => T.Log(x);
    public static T Tanh<T>(T x) where T : IBinaryFloatingPointIeee754<T> => T.Tanh(x);
    public static T Sin<T>(T x) where T : IBinaryFloatingPointIeee754<T> => T.Sin(x);
    public static T Cos<T>(T x) where T : IBinaryFloatingPointIeee754<T> => T.Cos(x);
    public static Vector512<float> Exp(Vector512<float> x) => Vector512.Create(Exp(x.GetLower()), Exp(x.GetUpper()));
    public static Vector512<float> Log(Vector512<float> x) => Vector512.Create(Log(x.GetLower()), Log(x.GetUpper()));
    public static Vector512<float> Tanh(Vector512<float> x) => Vector512.Create(Tanh(x.GetLower()), Tanh(x.GetUpper()));
    public static Vector256<float> Exp(Vector256<float> x) => Vector256.Create(Exp(x.GetLower()), Exp(x.GetUpper()));
    public static Vector256<float> Log(Vector256<float> x) => Vector256.Create(Log(x.GetLower()), Log(x.GetUpper()));
    public static Vector256<float> Tanh(Vector256<float> x) => Vector256.Create(Tanh(x.GetLower()), Tanh(x.GetUpper()));
    public static Vector128<float> Exp(Vector128<float> x) => Vector128.Create(Exp(x[0]), Exp(x[1]), Exp(x[2]), Exp(x[3]));
    public static Vector128<float> Log(Vector128<float> x) => Vector128.Create(Log(x[0]), Log(x[1]), Log(x[2]), Log(x[3]));
    public static Vector128<float> Tanh(Vector128<float> x) => Vector128.Create(Tanh(x[0]), Tanh(x[1]), Tanh(x[2]), Tanh(x[3]));
}
