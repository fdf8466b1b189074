using System.Security.Cryptography;
using System.Text;
using DistTrain.Core.Formats;

namespace DistTrain.Core.Checkpoints;

/// <summary>One file of a checkpoint.</summary>
/// <param name="Name">Within the checkpoint's directory.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Of its bytes, lower-case hex.</param>
internal sealed record ManifestFile(string Name, long Bytes, string Sha256);

/// <summary>
/// What makes a checkpoint one: sizes and hashes of its other files. It has exactly one text, which is compared whole, and carries the hash
/// of that text with an empty checksum: so a damaged manifest is told from a damaged file.
/// </summary>
/// <param name="FormatVersion">Of the checkpoint.</param>
/// <param name="Files">The files, in the order of <see cref="CheckpointFormat.Files"/>.</param>
/// <param name="Checksum">SHA-256 of this document with an empty checksum.</param>
internal sealed record CheckpointManifest(int FormatVersion, IReadOnlyList<ManifestFile> Files, string Checksum)
{
    /// <summary>The manifest's bytes.</summary>
    public static byte[] Write(IReadOnlyList<ManifestFile> files) =>
        Encoding.UTF8.GetBytes(Sealed(new CheckpointManifest(CheckpointFormat.Version, files, "")));

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="InvalidInputException">It is damaged, or of another format.</exception>
    public static CheckpointManifest Read(byte[] content, string source)
    {
        var text = CheckpointFormat.Text(content, source);
        CheckpointFormat.RequireVersion(text, source);
        var manifest = SpecJson.Read<CheckpointManifest>(text, source);
        if (!string.Equals(text, Sealed(manifest with { Checksum = "" }), StringComparison.Ordinal))
        {
            throw new InvalidInputException($"{source}: is damaged: it does not match its own checksum.");
        }

        // A null among the files is no error of the JSON.
        return manifest.Files.Select(file => file?.Name).SequenceEqual(CheckpointFormat.Files, StringComparer.Ordinal)
            ? manifest
            : throw new InvalidInputException($"{source}: must list {string.Join(", ", CheckpointFormat.Files)}.");
    }

    private static string Sealed(CheckpointManifest open) => SpecJson.Write(open with
    {
        Checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(SpecJson.Write(open)))),
    }) + "\n";
}
