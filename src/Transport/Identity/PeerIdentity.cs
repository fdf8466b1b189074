using System.Security.Cryptography.X509Certificates;

namespace DistTrain.Transport.Identity;

/// <summary>Who holds a certificate. It stands in the certificate's subject: <c>O=disttrain:ROLE, OU=TOKEN, CN=NAME</c>.</summary>
/// <param name="Role">What it may do.</param>
/// <param name="Name">Which one it is: the authority gives no two the same.</param>
/// <param name="TokenId">The token that it was had by; empty if by none.</param>
public sealed record PeerIdentity(PeerRole Role, string Name, string TokenId)
{
    private const string Prefix = "disttrain:";
    private const string OrganizationOid = "2.5.4.10";
    private const string UnitOid = "2.5.4.11";
    private const string CommonNameOid = "2.5.4.3";

    /// <summary>As a certificate's subject.</summary>
    public X500DistinguishedName ToSubject()
    {
        var builder = new X500DistinguishedNameBuilder();
        builder.AddOrganizationName(Prefix + RoleName(Role));
        if (TokenId.Length > 0)
        {
            builder.AddOrganizationalUnitName(TokenId);
        }

        builder.AddCommonName(Name);
        return builder.Build();
    }

    /// <summary>Whom a certificate names; null if it is none of ours. Says nothing about who signed it.</summary>
    /// <param name="certificate">Any.</param>
    public static PeerIdentity? Of(X509Certificate2 certificate)
    {
        string? organization = null, unit = null, name = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements)
            {
                return null;
            }

            var value = part.GetSingleElementValue();
            switch (part.GetSingleElementType().Value)
            {
                case OrganizationOid when organization is null: organization = value; break;
                case UnitOid when unit is null: unit = value; break;
                case CommonNameOid when name is null: name = value; break;
                default: return null;
            }
        }

        var role = Enum.GetValues<PeerRole>().FirstOrDefault(role => role != PeerRole.None && organization == Prefix + RoleName(role));
        return role == PeerRole.None || string.IsNullOrEmpty(name) ? null : new PeerIdentity(role, name, unit ?? "");
    }

    /// <summary>A role as certificates and files write it.</summary>
    public static string RoleName(PeerRole role) => role switch
    {
        PeerRole.Worker => "worker",
        PeerRole.Operator => "operator",
        PeerRole.Coordinator => "coordinator",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "no role of a certificate"),
    };
}
