using System.Numerics;
using DistTrain.Cli;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

// A layer, a loss, a model and a dataset of one's own. This program is then a disttrain that knows them, its workers too:
//   dotnet run -c Release --project samples/OwnLayer -- train --model circle --dataset circle --workers 2
SpecCatalog.AddLayer<SquareSpec>("square");
SpecCatalog.AddLoss<HingeSpec>("hinge");
ModelCatalog.Add("circle", () => new("circle", [2], [new AffineSpec(16), new SquareSpec(), new AffineSpec(2)], new HingeSpec()));
DatasetCatalog.Add(new("circle", "Is a point inside of the circle?", [], []) { Make = (train, test) => new("circle", Points(train ?? 4000), Points(test ?? 1000)) });
return await DistTrainProgram.RunAsync(args);

static LabeledImages Points(int count)
{
    byte[] places = [.. Enumerable.Range(1, 2 * count).Select(i => (byte)(i * i * 40503 >> 8))];
    byte[] labels = [.. places.Chunk(2).Select(p => (byte)(Math.Pow(p[0] - 128, 2) + Math.Pow(p[1] - 128, 2) < 90 * 90 ? 1 : 0))];
    return new LabeledImages(places, labels, height: 1, width: 2, channels: 1, classCount: 2);
}

/// <summary>y = x² and ∂x = ∂y · 2x: formulas of one element, written once, run at every vector width.</summary>
internal sealed record SquareSpec : LayerSpec
{
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, Forward, Backward>(kernels, input, default, default, DerivativeKind.OfInput);

    private readonly struct Forward : IUnaryOperator
    {
        public TLanes Invoke<TLanes, T>(TLanes x) where TLanes : unmanaged, ILanes<TLanes, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * x;
    }

    private readonly struct Backward : IBinaryOperator
    {
        public TLanes Invoke<TLanes, T>(TLanes dy, TLanes x) where TLanes : unmanaged, ILanes<TLanes, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => dy * (x + x);
    }
}

/// <summary>max(0, 1 − (x_label − x_other)), for two classes.</summary>
internal sealed record HingeSpec : LossSpec
{
    public override Loss<T> Build<T>(Kernels<T> kernels, int classes) => new Hinge<T>(kernels, classes);

    private sealed unsafe class Hinge<T>(Kernels<T> kernels, int classes) : Loss<T>(kernels, classes) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        protected override void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses, bool isTraining)
        {
            for (var row = 0; row < scoresToGradient.Rows; row++)
            {
                var scores = scoresToGradient.Row(row);
                var (label, other) = (labels[row], 1 - labels[row]);
                losses[row] = T.Max(T.Zero, T.One - (scores[label] - scores[other]));
                scores[other] = losses[row] > T.Zero ? T.One : T.Zero;
                scores[label] = -scores[other];
            }
        }
    }
}
