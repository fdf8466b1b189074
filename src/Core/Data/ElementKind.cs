using System.Text.Json.Serialization;

namespace DistTrain.Core.Data;

/// <summary>What one element of a sample is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ElementKind>))]
public enum ElementKind
{
    /// <summary>A byte, a pixel: it enters a network as <c>byte / 255f</c>.</summary>
    [JsonStringEnumMemberName("byte")]
    Byte,

    /// <summary>A binary32 number, four bytes little-endian: it enters a network as it is.</summary>
    [JsonStringEnumMemberName("binary32")]
    Binary32,
}
