using System.Net;
using DistTrain.Transport.Identity;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests;

/// <summary>Who may not come back, for how long, and by what it is known.</summary>
public sealed class QuarantineTests
{
    private static readonly IPAddress Address = IPAddress.Parse("10.0.0.7");
    private static readonly PeerIdentity Liar = new(PeerRole.Worker, "0123456789abcdef", "01234567");
    private readonly FakeTimeProvider _time = new();
    private readonly Quarantine _quarantine;

    public QuarantineTests() => _quarantine = new Quarantine(_time);

    [Fact]
    public void Crashes_InARow_WaitTwiceAsLongEachTime()
    {
        Assert.Equal([0, 1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(0, 9).Select(_ => (int)_quarantine.Crashed("a").TotalSeconds));
        Assert.True(_quarantine.Holds("a", null, out _, out _));
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.False(_quarantine.Holds("a", null, out _, out _));
        Assert.False(_quarantine.Holds("b", null, out _, out _));
    }

    [Fact]
    public void Delivery_ForgivesCrashes()
    {
        _quarantine.Crashed("a");
        _quarantine.Crashed("a");
        _quarantine.Delivered("a");
        Assert.False(_quarantine.Holds("a", null, out _, out _));
        Assert.Equal(TimeSpan.Zero, _quarantine.Crashed("a"));
    }

    /// <summary>Another connection of the same name may deliver, crash, or send what is not finite.</summary>
    [Fact]
    public void Liar_WhateverComesAfter_StaysOut()
    {
        _quarantine.Lied("a", null, null, "wrong bits");
        _quarantine.Delivered("a");
        Assert.Equal(TimeSpan.MaxValue, _quarantine.Crashed("a"));
        _quarantine.NotFinite("a", "not finite");
        _time.Advance(TimeSpan.FromDays(1));

        Assert.True(_quarantine.Holds("a", null, out var reason, out var left));
        Assert.Equal(("wrong bits", TimeSpan.MaxValue), (reason, left));
    }

    [Fact]
    public void Liar_UnderAnotherName_IsKnownByItsCertificateAndItsAddress()
    {
        _quarantine.Lied("a", Liar, Address, "wrong bits");

        Assert.True(_quarantine.Holds("b", Liar, out var reason, out var left));
        Assert.Equal(("wrong bits", TimeSpan.MaxValue), (reason, left));
        Assert.False(_quarantine.Holds("b", Liar with { Name = "fedcba9876543210" }, out _, out _));
        Assert.Equal("wrong bits", _quarantine.Exiles(Address));
        Assert.Null(_quarantine.Exiles(IPAddress.Parse("10.0.0.8")));
    }

    /// <summary>Names are the workers' own to choose: none of them stands for an address or a certificate.</summary>
    [Theory]
    [InlineData("address 10.0.0.7")]
    [InlineData("10.0.0.7")]
    [InlineData("certificate 0123456789abcdef")]
    [InlineData("0123456789abcdef")]
    public void Name_LikeAnAddressOrACertificate_SendsNobodyElseAway(string name)
    {
        _quarantine.Crashed(name);
        _quarantine.Crashed(name);
        _quarantine.Lied(name, null, null, "wrong bits");

        Assert.Null(_quarantine.Exiles(Address));
        Assert.False(_quarantine.Holds("honest", Liar, out _, out _));
    }

    /// <summary>Without certificates an address is no identity: a host's other workers go on.</summary>
    [Fact]
    public void Liar_WithoutACertificate_LeavesItsAddressAlone()
    {
        _quarantine.Lied("a", null, Address, "wrong bits");
        Assert.Null(_quarantine.Exiles(Address));
    }
}
