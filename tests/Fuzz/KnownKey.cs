using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DistTrain.Fuzz;

/// <summary>
/// A key of ECDSA that is no secret, and whose signatures of equal bytes are equal: so seeds that are written anew stay the same. Good for nothing else: its
/// nonce is always 1, and whoever has a signature can calculate the key.
/// </summary>
internal sealed class KnownKey : X509SignatureGenerator
{
    private const string EcdsaWithSha256 = "1.2.840.10045.4.3.2";

    // SEC 2, sections 2.4.2 and 2.5.1.
    private const string OrderOfP256 = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    private const string OrderOfP384 = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

    private readonly BigInteger _order;
    private readonly BigInteger _number;
    private readonly BigInteger _generator;

    private KnownKey(ECCurve curve, string order, byte number)
    {
        (_order, _number) = (Read(Convert.FromHexString(order)), number);
        Key = Make(curve, order.Length / 2, number);
        using var one = Make(curve, order.Length / 2, 1);
        _generator = Read(one.ExportParameters(includePrivateParameters: false).Q.X!);
    }

    /// <summary>The key itself.</summary>
    public ECDsa Key { get; }

    /// <summary>One of P-256, as all of ours are.</summary>
    public static KnownKey P256(byte number) => new(ECCurve.NamedCurves.nistP256, OrderOfP256, number);

    /// <summary>One of P-384.</summary>
    public static KnownKey P384(byte number) => new(ECCurve.NamedCurves.nistP384, OrderOfP384, number);

    /// <inheritdoc/>
    public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(EcdsaWithSha256);
        }

        return writer.Encode();
    }

    /// <summary>FIPS 186-5, section 6.4.1, with a nonce of 1: its point is the curve's generator.</summary>
    public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm)
    {
        var first = _generator % _order;
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(first);
            writer.WriteInteger((Read(SHA256.HashData(data)) + (first * _number)) % _order);
        }

        return writer.Encode();
    }

    /// <summary>
    /// Requests (PKCS #10) and certificates (X.509) alike are what is signed, the algorithm and the signature: the same with the last two set right, if there
    /// is anything to sign.
    /// </summary>
    public byte[] Resign(byte[] content)
    {
        byte[] signed;
        try
        {
            signed = new AsnReader(content, AsnEncodingRules.BER).ReadSequence().ReadEncodedValue().ToArray();
        }
        catch (AsnContentException)
        {
            return content;
        }

        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue(signed);
            writer.WriteEncodedValue(GetSignatureAlgorithmIdentifier(HashAlgorithmName.SHA256));
            writer.WriteBitString(SignData(signed, HashAlgorithmName.SHA256));
        }

        return writer.Encode();
    }

    /// <inheritdoc/>
    protected override PublicKey BuildPublicKey() => new(Key);

    private static ECDsa Make(ECCurve curve, int sizeBytes, byte number)
    {
        var scalar = new byte[sizeBytes];
        scalar[^1] = number;
        return ECDsa.Create(new ECParameters { Curve = curve, D = scalar });
    }

    private static BigInteger Read(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);
}
