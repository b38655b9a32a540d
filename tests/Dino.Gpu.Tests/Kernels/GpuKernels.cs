using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>A kernel closed over its type arguments.</summary>
/// <param name="Name">
/// Family, class, method and type arguments: <c>TensorCore.Gemm.Kernel-Tile64X64-BFloat16Format-StoreEpilogue</c>.
/// </param>
/// <param name="Method">The static method.</param>
/// <param name="NeedsTensorCores">It is one of those for compute capability 8.0 and newer.</param>
internal sealed record GpuKernel(string Name, MethodInfo Method, bool NeedsTensorCores)
{
    /// <summary>Threads of a group, as the launchers have it.</summary>
    public int Threads => Method.GetGenericArguments() switch
    {
        [Type tile, ..] when typeof(IGemmTile).IsAssignableFrom(tile) => 32 * Constant(tile, "WarpRows") * Constant(tile, "WarpColumns"),
        [Type tile, ..] when typeof(ITileShape).IsAssignableFrom(tile) => Constant(tile, "Side") * Constant(tile, "Side"),
        [Type rows, ..] when typeof(IRowShape).IsAssignableFrom(rows) => Constant(rows, "Threads") * Constant(rows, "Rows"),
        _ => Method.DeclaringType == typeof(DeviceTrial) ? 64 : Method.GetParameters()[0].ParameterType == typeof(Index1D) ? 256 : 128,
    };

    private static int Constant(Type type, string name) => (int)type.GetProperty(name)!.GetValue(null)!;
}

/// <summary>
/// Every kernel that a GPU runs, and its PTX, compiled without a device as <see cref="DinoDevice"/> compiles it.
/// </summary>
internal static partial class GpuKernels
{
    /// <summary>
    /// The public static methods of the kernel namespaces whose names end in Kernel, closed over every type that fits,
    /// but the 4x4 groups, which no GPU runs, heads that are too long for tf32, and gains in other formats than
    /// float16.
    /// </summary>
    public static IReadOnlyList<GpuKernel> All { get; } =
        [.. Of(typeof(DeviceTrial), false), .. Of(typeof(TileProduct), false), .. Of(typeof(TileLayout), true)];

    private static readonly ConcurrentDictionary<(MethodInfo Kernel, int Architecture), Lazy<string>> Texts = new();

    /// <summary>
    /// The PTX of one kernel, compiled in a context of its own. In a shared one the text and its registers depend on
    /// which kernels were compiled before, since kernels share the code of the methods that they call: 41 of 93 texts
    /// differ there. Alone they are the same in every run but for the numbers in names. ILGPU writes one text for 8.0
    /// and all newer devices, which a test compares; each is compiled once in a run.
    /// </summary>
    public static string Compile(MethodInfo kernel, int major = 8, int minor = 0) =>
        Texts.GetOrAdd(
            (kernel, major >= 8 ? 80 : 10 * major + minor),
            key => new(() => CompileAnew(key.Kernel, key.Architecture / 10, key.Architecture % 10))).Value;

    /// <summary>As <see cref="Compile"/>, for exactly this architecture, and not kept.</summary>
    public static string CompileAnew(MethodInfo kernel, int major, int minor)
    {
        using var compiler = new PtxCompiler(major, minor);
        return compiler.Compile(kernel);
    }

    /// <summary>
    /// A text with the numbers in its names in the order of their first use; versions and the target stay as they are.
    /// </summary>
    public static string Numbered(string ptx)
    {
        var numbers = new Dictionary<string, string>(StringComparer.Ordinal);
        return NumberPattern().Replace(ptx, match =>
        {
            if (!numbers.TryGetValue(match.Value, out string? number))
                numbers.Add(match.Value, number = string.Create(CultureInfo.InvariantCulture, $"_{numbers.Count}"));
            return number;
        });
    }

    [GeneratedRegex(@"(?<=\w)(?<!\bsm|VERSION|VERSION_\d)_\d+\b")]
    private static partial Regex NumberPattern();

    private static IEnumerable<GpuKernel> Of(Type member, bool needsTensorCores)
    {
        Type[] types = [.. member.Assembly.GetTypes().Where(type => type.Namespace == member.Namespace)];
        string family = member.Namespace![(member.Namespace!.LastIndexOf('.') + 1)..];
        const BindingFlags Static = BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (MethodInfo method in types.SelectMany(type => type.GetMethods(Static)))
        {
            if (!method.Name.EndsWith("Kernel", StringComparison.Ordinal))
                continue;
            IEnumerable<Type[]> choices = [[]];
            foreach (Type parameter in method.IsGenericMethodDefinition ? method.GetGenericArguments() : [])
            {
                choices =
                [
                    .. choices.SelectMany(choice =>
                        Arguments(types, parameter, choice).Select(argument => choice.Append(argument).ToArray())),
                ];
            }

            foreach (Type[] arguments in choices.Where(IsUsed))
            {
                IEnumerable<string> names = arguments.Select(type => type.Name.Split('`')[0]);
                string name = string.Join('-', [$"{family}.{method.DeclaringType!.Name}.{method.Name}", .. names]);
                yield return new GpuKernel(name, arguments.Length == 0 ? method : method.MakeGenericMethod(arguments), needsTensorCores);
            }
        }
    }

    /// <summary>
    /// The types that a parameter takes; an epilogue of tensor cores has the format chosen before it as its own
    /// argument.
    /// </summary>
    private static IEnumerable<Type> Arguments(Type[] types, Type parameter, Type[] before)
    {
        Type constraint = parameter.GetGenericParameterConstraints().Single(type => type.IsInterface);
        IEnumerable<Type> values = types.Where(type =>
            type.IsValueType && !type.IsNested && !type.Name.EndsWith("Of4", StringComparison.Ordinal) && type != typeof(Rows4x4));
        if (!constraint.IsGenericType)
            return values.Where(type => !type.IsGenericTypeDefinition && constraint.IsAssignableFrom(type));
        Type wanted = constraint.GetGenericTypeDefinition();
        Type format = before.Single(argument => typeof(ITensorFormat).IsAssignableFrom(argument));
        return values
            .Where(type => type.IsGenericTypeDefinition
                && type.GetInterfaces().Any(of => of.IsGenericType && of.GetGenericTypeDefinition() == wanted))
            .Select(type => type.MakeGenericType(format));
    }

    private static bool IsUsed(Type[] arguments) =>
        !arguments.Any(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(AddScaledEpilogue<>)
            && type.GetGenericArguments()[0] != typeof(Float16Format))
        && (!arguments.Contains(typeof(TensorFloat32Format))
        || arguments.FirstOrDefault(typeof(IHeadSize).IsAssignableFrom) is not Type head
        || (int)head.GetProperty(nameof(IHeadSize.Size))!.GetValue(null)! * sizeof(float)
            <= Dino.Gpu.Kernels.TensorCore.Attention.MaxRowBytes);
}

/// <summary>ILGPU's compiler for one architecture, set up as <see cref="DinoDevice"/> sets it up.</summary>
internal sealed class PtxCompiler : IDisposable
{
    private readonly Context _context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2));
    private readonly PTXBackend _backend;

    /// <param name="major">Compute capability.</param>
    /// <param name="minor">Compute capability.</param>
    /// <param name="trustsUniforms">Leaves ILGPU's own analysis of branches on, which the product never does.</param>
    public PtxCompiler(int major, int minor, bool trustsUniforms = false)
    {
        _backend = new PTXBackend(_context, new CudaArchitecture(major, minor), CudaInstructionSet.ISA_80, null!);
        if (!trustsUniforms)
            BranchUniformity.AssumeDivergence(_context);
    }

    public string Compile(MethodInfo kernel)
    {
        EntryPointDescription entry = kernel.GetParameters()[0].ParameterType == typeof(Index1D)
            ? EntryPointDescription.FromImplicitlyGroupedKernel(kernel)
            : EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
        return ((PTXCompiledKernel)_backend.Compile(entry, Specialization(kernel))).PTXAssembly;
    }

    /// <summary>As the launchers have it: a method of the kernel's class, if it has one.</summary>
    private static KernelSpecialization Specialization(MethodInfo kernel) =>
        kernel.DeclaringType!.GetMethod(nameof(Dino.Gpu.Kernels.TensorCore.Attention.Specialization)) is { } method
            ? (KernelSpecialization)method.MakeGenericMethod(kernel.GetGenericArguments()).Invoke(null, null)!
            : KernelSpecialization.Empty;

    public void Dispose()
    {
        _backend.Dispose();
        _context.Dispose();
    }
}
