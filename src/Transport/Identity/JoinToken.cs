using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using DistTrain.Core;

namespace DistTrain.Transport.Identity;

/// <summary>What lets a worker have a certificate, as people paste it: <c>dt1.ID.SECRET</c>.</summary>
/// <param name="Id">By which the token is listed and revoked; not secret.</param>
/// <param name="Secret">128 random bits.</param>
public sealed record JoinToken(string Id, byte[] Secret)
{
    /// <summary>Bytes of a secret.</summary>
    public const int SecretBytes = 16;

    /// <summary>Characters that a token cannot exceed.</summary>
    public const int MaximumLength = 64;

    private const string Prefix = "dt1";
    private const int IdBytes = 4;

    /// <summary>A new one.</summary>
    public static JoinToken Create() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes)), RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>Whether a text could be a token's id.</summary>
    public static bool IsId(string text) => text.Length == 2 * IdBytes && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Reads one; null if the text is none.</summary>
    /// <param name="text">As pasted.</param>
    public static JoinToken? TryParse(string text)
    {
        var parts = text.Trim().Split('.');
        if (text.Length > MaximumLength || parts is not [Prefix, var id, var secret] || !IsId(id)
            || !Base64Url.IsValid(secret, out var length) || length != SecretBytes)
        {
            return null;
        }

        return new JoinToken(id, Base64Url.DecodeFromChars(secret));
    }

    /// <summary>Reads one that a user gave.</summary>
    /// <param name="text">As pasted.</param>
    /// <param name="place">Where it was given.</param>
    /// <exception cref="InvalidInputException">It is none. The message does not repeat it.</exception>
    public static JoinToken Parse(string text, string place) => TryParse(text) ?? throw new InvalidInputException(
        $"{place} is no token: one looks like {Prefix}.0123abcd.SECRET. Paste the whole line that the coordinator or 'disttrain token create' printed.");

    /// <summary>As pasted: a secret.</summary>
    public string Reveal() => $"{Prefix}.{Id}.{Base64Url.EncodeToString(Secret)}";

    /// <summary>What is kept of it where it is checked: SHA-256 over id and secret.</summary>
    public byte[] Hash() => SHA256.HashData([.. Encoding.ASCII.GetBytes(Id), .. Secret]);

    /// <summary>Without the secret, so that no log has it.</summary>
    public override string ToString() => $"{Prefix}.{Id}.…";
}
