using System.Text.Json.Serialization;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Formats;

/// <summary>What <see cref="SpecJson.WritingOptions"/> writes without reflection; a type that is missing here is only slower.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RunSpec))]
[JsonSerializable(typeof(CheckpointState))]
[JsonSerializable(typeof(CheckpointManifest))]
[JsonSerializable(typeof(RunLock.IncarnationDocument))]
[JsonSerializable(typeof(AffineSpec))]
[JsonSerializable(typeof(ReluSpec))]
[JsonSerializable(typeof(SigmoidSpec))]
[JsonSerializable(typeof(TanhSpec))]
[JsonSerializable(typeof(LeakyReluSpec))]
[JsonSerializable(typeof(GeluSpec))]
[JsonSerializable(typeof(IdentitySpec))]
[JsonSerializable(typeof(StepSpec))]
[JsonSerializable(typeof(ConvolutionSpec))]
[JsonSerializable(typeof(MaxPoolingSpec))]
[JsonSerializable(typeof(AveragePoolingSpec))]
[JsonSerializable(typeof(GlobalAveragePoolingSpec))]
[JsonSerializable(typeof(FlattenSpec))]
[JsonSerializable(typeof(SoftmaxSpec))]
[JsonSerializable(typeof(BatchNormalizationSpec))]
[JsonSerializable(typeof(LocalResponseNormalizationSpec))]
[JsonSerializable(typeof(DropoutSpec))]
[JsonSerializable(typeof(ResidualSpec))]
[JsonSerializable(typeof(ParallelSpec))]
[JsonSerializable(typeof(SoftmaxCrossEntropySpec))]
[JsonSerializable(typeof(MeanSquaredErrorSpec))]
internal sealed partial class SpecJsonContext : JsonSerializerContext;
