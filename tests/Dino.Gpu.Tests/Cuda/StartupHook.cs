using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Dino.Gpu.Tests.Cuda;

/// <summary>
/// Gives any process an emulated card: .NET calls this before Main where <c>DOTNET_STARTUP_HOOKS</c> names this
/// assembly. So the published command runs on it, unchanged; see <see cref="FirstRunTests"/>. Where
/// <see cref="LoadedAssemblies"/> names a file, the process tells there what it has loaded, and gets no card.
/// </summary>
internal static class StartupHook
{
    /// <summary>A variable: the file that gets the names of the assemblies which the process has loaded at its end.</summary>
    public const string LoadedAssemblies = "LOADED_ASSEMBLIES";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(LoadedAssemblies) is { } list)
        {
            AppDomain.CurrentDomain.ProcessExit += (_, _) =>
                File.WriteAllLines(list, AppDomain.CurrentDomain.GetAssemblies().Select(one => one.GetName().Name!));
            return;
        }

        // What the tests need beside the command lies in their folder.
        string folder = Path.GetDirectoryName(typeof(StartupHook).Assembly.Location)!;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
        {
            string file = Path.Combine(folder, $"{name.Name}.dll");
            return File.Exists(file) ? context.LoadFromAssemblyPath(file) : null;
        };
        ShowCard();
    }

    /// <summary>A method of its own: its types are found only now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ShowCard() => CudaEmulator.Everywhere = new EmulatedMachine { Cards = [new EmulatedCard { Multiprocessors = 1 }] };
}
