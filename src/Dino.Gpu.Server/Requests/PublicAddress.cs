using System.Net;
using System.Net.Sockets;

namespace Dino.Gpu.Server.Requests;

/// <summary>Which addresses are those of the open internet, by the registries of IANA.</summary>
internal static class PublicAddress
{
    /// <summary>What RFC 6890 and its successors reserve: this network, private, shared, loopback, link-local, tests, multicast.</summary>
    private static readonly IPNetwork[] Reserved4 =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4",
        ]).Select(network => IPNetwork.Parse(network)),
    ];

    /// <summary>All that is given out so far.</summary>
    private static readonly IPNetwork Global6 = IPNetwork.Parse("2000::/3");

    /// <summary>Within it: special purposes (Teredo among them), documentation, and 6to4, which carries an IPv4 address.</summary>
    private static readonly IPNetwork[] Reserved6 =
        [.. ((string[])["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]).Select(network => IPNetwork.Parse(network))];

    /// <summary>Whether it is one.</summary>
    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? !Reserved4.Any(network => network.Contains(address))
            : Global6.Contains(address) && !Reserved6.Any(network => network.Contains(address));
    }
}
