using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// A CUDA card for machines that have none: a <c>libcuda.so.1</c> that a C compiler makes here, whose functions are
/// those of <see cref="CudaDriver"/>. ILGPU sees its devices only inside <see cref="Show(int)"/>, so that <c>auto</c>
/// elsewhere chooses what the machine really has. Where the machine has a CUDA card, that one is used. Speed tells
/// nothing.
/// </summary>
internal static unsafe class CudaEmulator
{
    /// <summary>Set to <c>real</c>, tests use no emulated card; set to <c>emulated</c>, they use no real one.</summary>
    private const string Choice = "DINO_TEST_CUDA";

    private static readonly AsyncLocal<EmulatedMachine?> Shown = new();
    private static readonly Lazy<string?> Library = new(Build);

    /// <summary>What is seen outside every <see cref="Show(EmulatedMachine)"/>: no devices.</summary>
    public static EmulatedMachine Everywhere { get; set; } = new();

    /// <summary>What the code that runs now sees.</summary>
    public static EmulatedMachine Machine => Shown.Value ?? Everywhere;

    /// <summary>Whether the CUDA devices of this process are emulated.</summary>
    public static bool IsUsed => Library.Value is not null;

    /// <summary>
    /// Makes emulated devices visible until the result is disposed; does nothing where real ones are used.
    /// </summary>
    public static IDisposable Show(int devices = 1) =>
        Show(new EmulatedMachine { Cards = [.. Enumerable.Repeat(new EmulatedCard(), devices)] });

    /// <summary>As <see cref="Show(int)"/>, with a choice of cards, broken ones perhaps.</summary>
    public static IDisposable Show(EmulatedMachine machine)
    {
        EmulatedMachine? before = Shown.Value;
        Shown.Value = machine;
        return new Scope(() => Shown.Value = before);
    }

    [ModuleInitializer]
    internal static void Register() => NativeLibraries.Override = name => name switch
    {
        "cuda" => Library.Value,
        "OpenCL" => OpenCLSources.Library,
        _ => null,
    };

    private static string? Build()
    {
        string? choice = Environment.GetEnvironmentVariable(Choice);
        if (choice == "real" || !OperatingSystem.IsLinux() || (choice != "emulated" && HasCard()))
            return null;
        string folder = Directory.CreateTempSubdirectory("dino-gpu-tests-cuda-").FullName;
        try
        {
            string source = Path.Combine(folder, "cuda.c");
            string library = Path.Combine(folder, "libcuda.so.1");
            File.WriteAllText(source, Source());
            using Process compiler = Process.Start(new ProcessStartInfo("cc",
                ["-shared", "-fPIC", "-nostdlib", "-O1", "-o", library, source])
            { RedirectStandardError = true })!;
            string messages = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            if (compiler.ExitCode != 0)
                throw new InvalidOperationException($"the emulated CUDA library does not compile: {messages}");
            nint loaded = NativeLibrary.Load(library);
            var setHandler = (delegate* unmanaged<int, nint, void>)NativeLibrary.GetExport(loaded, "dino_set_handler");
            for (int i = 0; i < CudaFunctions.Table.Length; i++)
                setHandler(i, CudaFunctions.Table[i].Handler);
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
            return library;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Directory.Delete(folder, recursive: true); // no C compiler: as without a card
            return null;
        }
    }

    /// <summary>
    /// A function of the driver passes its arguments on; none has more than eleven, and none is a number with a point.
    /// </summary>
    private static string Source()
    {
        string[] names = [.. Enumerable.Range(0, 11).Select(i => $"a{i}")];
        string parameters = string.Join(", ", names.Select(name => "long " + name));
        return $$"""
            typedef int (*handler)({{parameters}});
            static handler handlers[{{CudaFunctions.Table.Length}}];
            void dino_set_handler(int index, handler function) { handlers[index] = function; }
            {{string.Join('\n', CudaFunctions.Table.Select((function, i) =>
                $"int {function.Name}({parameters}) {{ return handlers[{i}]({string.Join(", ", names)}); }}"))}}
            """;
    }

    private static bool HasCard()
    {
        if (!NativeLibrary.TryLoad("libcuda.so.1", out nint driver))
            return false;
        var initialize = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(driver, "cuInit");
        var count = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDeviceGetCount");
        int devices = 0;
        return initialize(0) == 0 && count(&devices) == 0 && devices > 0;
    }

    private sealed class Scope(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
