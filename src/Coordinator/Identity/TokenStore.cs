using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Core;
using DistTrain.Transport.Identity;

namespace DistTrain.Coordinator.Identity;

/// <summary>A token as it is kept.</summary>
/// <param name="Id">By which it is listed and revoked.</param>
/// <param name="Hash">Of the token, lower-case hex: the secret itself is nowhere.</param>
/// <param name="CreatedUtc">Since when.</param>
/// <param name="ExpiresUtc">From when on it gets nobody in.</param>
/// <param name="Uses">How many certificates it gets; null for any number.</param>
public sealed record TokenRecord(string Id, string Hash, DateTimeOffset CreatedUtc, DateTimeOffset ExpiresUtc, int? Uses = null)
{
    /// <summary>Of <see cref="Uses"/>, how many are left.</summary>
    [JsonIgnore]
    public int? UsesLeft { get; init; }

    /// <summary>Whether it and the workers that came by it are refused.</summary>
    [JsonIgnore]
    public bool IsRevoked { get; init; }

    /// <summary>Whether a certificate can still be had by it.</summary>
    public bool IsOpen(DateTimeOffset now) => !IsRevoked && now < ExpiresUtc && UsesLeft is not <= 0;
}

/// <summary>
/// The tokens of a directory, each in files of its own that are made once and never changed: what it is, that it was revoked, and one for each use of one
/// that has few. So several processes, a coordinator that serves and <c>disttrain token</c>, need no lock. For any thread.
/// </summary>
public sealed partial class TokenStore
{
    /// <summary>How long a token is good unless told otherwise.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(24);

    /// <summary>Certificates that a token gets at most, if their number is limited at all.</summary>
    public const int MostUses = 1024;

    /// <summary>
    /// Expired ones are listed so long. That one was revoked is kept for ever: a worker may have renewed its certificate since, again and again.
    /// </summary>
    private static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    private const string Prefix = "token-";
    private const string Suffix = ".json";
    private readonly string _directory;

    internal TokenStore(string directory) => _directory = directory;

    /// <summary>All of them, by age.</summary>
    /// <exception cref="InvalidInputException">A file cannot be read.</exception>
    public IReadOnlyList<TokenRecord> List() =>
        [.. Ids().Select(Find).OfType<TokenRecord>().OrderBy(token => token.CreatedUtc)];

    /// <summary>A new one. What it returns is the only copy of the secret.</summary>
    /// <param name="now">The time.</param>
    /// <param name="lifetime">How long it is good.</param>
    /// <param name="uses">How many certificates it gets, from 1 to <see cref="MostUses"/>; null for any number.</param>
    /// <exception cref="InvalidInputException">Nothing can be written there.</exception>
    public JoinToken Create(DateTimeOffset now, TimeSpan lifetime, int? uses = null)
    {
        while (true)
        {
            var token = JoinToken.Create();
            var record = new TokenRecord(token.Id, Convert.ToHexStringLower(token.Hash()), now, now + lifetime, uses);
            // Its id may have been another's, which was revoked.
            if (!File.Exists(Record(token.Id)) && !IsRevoked(token.Id))
            {
                PrivateFile.Write(Record(token.Id), JsonSerializer.Serialize(record, TokenJson.Default.TokenRecord) + "\n");
                Forget(now);
                return token;
            }
        }
    }

    /// <summary>Refuses a token from now on, and the workers that came by it, also if it has expired and is listed no more.</summary>
    /// <param name="id">Of the token.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether it is listed: else nobody can tell whether it was ever given.</returns>
    /// <exception cref="InvalidInputException">It is no token's id, or nothing can be written there.</exception>
    public bool Revoke(string id, DateTimeOffset now)
    {
        if (!JoinToken.IsId(id))
        {
            throw new InvalidInputException("A token's id is eight characters, 0-9 and a-f; 'disttrain token list' shows those of its tokens.");
        }

        PrivateFile.TryCreate(Revocation(id), now.ToString("u", CultureInfo.InvariantCulture) + "\n");
        return File.Exists(Record(id));
    }

    /// <summary>Whether who came by this token is refused.</summary>
    /// <param name="id">Of a certificate's token.</param>
    public bool IsRevoked(string id) => File.Exists(Revocation(id));

    /// <summary>Whether a certificate can be had by what somebody sent; counts the use.</summary>
    /// <param name="sent">Anything.</param>
    /// <param name="holder">Names the key that the certificate is for. It counts once: who did not hear the answer may ask again.</param>
    /// <param name="now">The time.</param>
    /// <returns>Null if so; else why not, for the log: whoever sent it learns less.</returns>
    /// <exception cref="InvalidInputException">A file cannot be read, or a use not be counted.</exception>
    public string? Redeem(JoinToken sent, string holder, DateTimeOffset now)
    {
        // Compared in constant time, with something even if there is no such id.
        var known = Read(sent.Id);
        var equal = CryptographicOperations.FixedTimeEquals(sent.Hash(), known is null ? new byte[SHA256.HashSizeInBytes] : Convert.FromHexString(known.Hash));
        return known is null || !equal ? "it showed a token that this coordinator never gave"
            : IsRevoked(known.Id) ? $"it showed token {known.Id}, which was revoked"
            : now >= known.ExpiresUtc ? FormattableString.Invariant($"it showed token {known.Id}, which expired {(now - known.ExpiresUtc).TotalMinutes:0} min ago")
            : known.Uses is { } uses && !TryUse(known.Id, uses, holder) ? $"it showed token {known.Id}, which is used up"
            : null;
    }

    private bool TryUse(string id, int uses, string holder)
    {
        for (var use = 1; use <= uses; use++)
        {
            if (PrivateFile.TryCreate(Use(id, use), holder) || PrivateFile.Read(Use(id, use), isSecret: false) == holder)
            {
                return true;
            }
        }

        return false;
    }

    private TokenRecord? Find(string id) => Read(id) is not { } token ? null : token with
    {
        IsRevoked = IsRevoked(id),
        UsesLeft = token.Uses is { } uses ? uses - Enumerable.Range(1, uses).Count(use => File.Exists(Use(id, use))) : null,
    };

    private TokenRecord? Read(string id)
    {
        // It becomes part of a path.
        if (!JoinToken.IsId(id) || !File.Exists(Record(id)))
        {
            return null;
        }

        var text = PrivateFile.Read(Record(id), isSecret: false);
        try
        {
            return JsonSerializer.Deserialize(text, TokenJson.Default.TokenRecord) is { } token
                && token.Id == id && CertificateRules.IsDigest(token.Hash) && token.Uses is null or (> 0 and <= MostUses)
                ? token
                : throw Damaged(id, "it is no token's record.");
        }
        catch (JsonException e)
        {
            throw Damaged(id, e.Message, e);
        }
    }

    private InvalidInputException Damaged(string id, string what, Exception? e = null) =>
        new($"{Record(id)} is damaged: {what} Delete it and make another token with 'disttrain token create'.", e!);

    /// <summary>Tidies up; where nothing can be deleted, all stays as it is.</summary>
    private void Forget(DateTimeOffset now)
    {
        foreach (var token in List().Where(token => now > token.ExpiresUtc + Memory))
        {
            foreach (var file in Directory.EnumerateFiles(_directory, $"{Prefix}{token.Id}.*").Where(file => file != Revocation(token.Id)))
            {
                try
                {
                    File.Delete(file);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    return;
                }
            }
        }
    }

    private IEnumerable<string> Ids() =>
        Directory.EnumerateFiles(_directory, $"{Prefix}*{Suffix}").Select(file => Path.GetFileName(file)[Prefix.Length..^Suffix.Length]);

    private string Record(string id) => Path.Combine(_directory, $"{Prefix}{id}{Suffix}");

    private string Revocation(string id) => Path.Combine(_directory, $"{Prefix}{id}.revoked");

    private string Use(string id, int use) => Path.Combine(_directory, FormattableString.Invariant($"{Prefix}{id}.use-{use}"));

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(TokenRecord))]
    private sealed partial class TokenJson : JsonSerializerContext;
}
