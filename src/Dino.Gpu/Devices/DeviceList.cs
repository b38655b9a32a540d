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
    /// A device is named twice, <c>auto</c> has another device beside it, or <c>all</c> finds no usable device.
    /// </exception>
    public static IReadOnlyList<string> Expand(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec, "Device"); // as every caller's options call it
        string[] entries = [.. spec.Split(',').Select(entry => entry.Trim().ToLowerInvariant())];
        List<string> devices = [.. entries.SelectMany(Devices)];
        if (entries.Length > 1 && devices.Contains("auto"))
            throw new DeviceException($"device list '{spec}' has auto beside other devices", "use auto alone, or name every device");
        string? twice = devices.GroupBy(device => device).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? devices : throw new DeviceException($"device list '{spec}' names {twice} twice");
    }

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
