using SharpFuzz;

namespace Dino.Gpu.Fuzz;

/// <summary>Makes the assemblies beside the program count their branches.</summary>
internal static class Instrumentation
{
    /// <summary>Ours that read, and the managed decoder of TIFF below them.</summary>
    private static readonly string[] Assemblies = ["Dino.Gpu.dll", "Dino.Gpu.Data.dll", "BitMiracle.LibTiff.NET.dll"];

    /// <summary>Namespaces of ours that read nothing; kernels are hot.</summary>
    private static readonly string[] Others =
        ["Dino.Gpu.Kernels", "Dino.Gpu.Ops", "Dino.Gpu.Pipeline", "Dino.Gpu.Devices", "Dino.Gpu.Search"];

    /// <summary>Changes them in place, once.</summary>
    public static void Apply(string folder)
    {
        foreach (string assembly in Assemblies)
        {
            try
            {
                Fuzzer.Instrument(Path.Combine(folder, assembly), type => !Array.Exists(Others, type.StartsWith), Options.Value);
            }
            catch (InstrumentationException failure) when (failure.Message.Contains("already", StringComparison.Ordinal))
            {
                // by an earlier call
            }
        }
    }
}
