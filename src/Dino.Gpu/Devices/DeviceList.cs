using System.Runtime.CompilerServices;

namespace Dino.Gpu.Devices;

/// <summary>Several devices in one option: <c>cuda:0,cuda:1</c>, <c>cuda:all</c>.</summary>
internal static class DeviceList
{
    /// <summary>Splits a list into one entry for each device, as <see cref="DinoDevice.Open"/> takes them.</summary>
    /// <param name="spec">
    /// Devices separated by commas; <c>cuda:all</c> and <c>opencl:all</c> mean every usable device of that kind.
    /// </param>
    /// <exception cref="DinoException">
    /// An entry is empty, a device is named twice, <c>auto</c> has another device beside it, or <c>all</c> finds no
    /// usable device.
    /// </exception>
    public static IReadOnlyList<string> Expand(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec, "Device"); // as every caller's options call it
        string[] entries = Entries(spec);
        if (entries.Length > 1 && entries.Contains(""))
            throw new DeviceException($"device list '{spec}' has an empty entry (expected devices separated by single commas)");
        List<string> devices = [.. entries.SelectMany(Devices)];
        if (entries.Length > 1 && devices.Contains("auto"))
            throw new DeviceException($"device list '{spec}' has auto beside other devices", "use auto alone, or name every device");
        string? twice = devices.GroupBy(device => device).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? devices : throw new DeviceException($"device list '{spec}' names {twice} twice");
    }

    /// <summary>
    /// Whether a device of a list is there by <c>all</c> alone. Only when it is opened does it show whether it can be
    /// used: another process may hold it for itself.
    /// </summary>
    /// <param name="spec">The list.</param>
    /// <param name="device">One of its devices, as <see cref="Expand"/> returns it.</param>
    public static bool IsByAll(string spec, string device) => Entries(spec).Contains($"{device.Split(':')[0]}:all");

    private static string[] Entries(string spec) => [.. spec.Split(',').Select(entry => entry.Trim().ToLowerInvariant())];

    private static IEnumerable<string> Devices(string entry) => entry switch
    {
        "cuda:all" or "opencl:all" when !RuntimeFeature.IsDynamicCodeSupported => throw DinoDevice.NeedsIlgpu($"the device '{entry}'"),
        "cuda:all" => All(entry, DeviceCatalog.FindCuda()),
        "opencl:all" => All(entry, DeviceCatalog.FindOpenCL()),
        "cuda" or "opencl" => [$"{entry}:0"],
        _ => [entry],
    };

    private static List<string> All(string entry, List<DeviceCatalog.Candidate> candidates)
    {
        List<string> usable = [.. candidates.Where(candidate => candidate.Info.Refusal is null).Select(candidate => candidate.Info.Id)];
        return usable.Count > 0
            ? usable
            : throw new DeviceException($"no usable device for '{entry}'", $"choose one of this machine: {DinoDevice.Present()}");
    }
}
