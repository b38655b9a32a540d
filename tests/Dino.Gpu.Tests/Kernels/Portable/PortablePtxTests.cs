using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>Every portable kernel, in every tile shape and with every epilogue, compiles to PTX. No GPU is needed.</summary>
public sealed partial class PortablePtxTests
{
    private const int SharedMemoryOfAGroup = 48 * 1024;

    /// <summary>Turing, Ampere (A100, RTX 30), Ada, Hopper. ILGPU writes no target above sm_80; newer devices run that.</summary>
    [Theory]
    [InlineData(7, 5)]
    [InlineData(8, 0)]
    [InlineData(8, 6)]
    [InlineData(8, 9)]
    [InlineData(9, 0)]
    public void EveryKernel_CompilesToPtx(int major, int minor)
    {
        using Context context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2));
        using var backend = new PTXBackend(context, new CudaArchitecture(major, minor), CudaInstructionSet.ISA_80, null!);
        int count = 0;
        foreach (MethodInfo kernel in Kernels())
        {
            bool grouped = kernel.GetParameters()[0].ParameterType != typeof(Index1D);
            EntryPointDescription entry = grouped
                ? EntryPointDescription.FromExplicitlyGroupedKernel(kernel)
                : EntryPointDescription.FromImplicitlyGroupedKernel(kernel);
            var compiled = (PTXCompiledKernel)backend.Compile(entry, default);
            string name = $"{kernel.DeclaringType!.Name}.{kernel.Name}<{string.Join(", ", kernel.GetGenericArguments().Select(type => type.Name))}>";
            Assert.Contains(".entry", compiled.PTXAssembly, StringComparison.Ordinal);
            Assert.False(compiled.PTXAssembly.Contains(".local", StringComparison.Ordinal), $"{name} keeps values in local memory");
            int sharedMemory = SharedPattern().Matches(compiled.PTXAssembly).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
            Assert.True(sharedMemory <= SharedMemoryOfAGroup, $"{name} needs {sharedMemory} bytes of shared memory");
            if ((major, minor) == (8, 0))
                TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {sharedMemory} bytes of shared memory");
            count++;
        }

        // 3 tile shapes x (3 Gemm + LayerNorm + Softmax + Attention + scores), unfold, assemble, peak, 3 of the resize.
        Assert.Equal(27, count);
    }

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex SharedPattern();

    /// <summary>The public static methods of the kernel namespace whose names end in Kernel, closed over every type that fits.</summary>
    private static IEnumerable<MethodInfo> Kernels()
    {
        Type[] types = [.. typeof(Gemm).Assembly.GetTypes().Where(type => type.Namespace == typeof(Gemm).Namespace)];
        foreach (MethodInfo method in types.SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)))
        {
            if (!method.Name.EndsWith("Kernel", StringComparison.Ordinal))
                continue;
            IEnumerable<Type[]> choices = [[]];
            foreach (Type parameter in method.IsGenericMethodDefinition ? method.GetGenericArguments() : [])
            {
                Type constraint = parameter.GetGenericParameterConstraints().Single(type => type.IsInterface);
                choices = [.. choices.SelectMany(choice => types.Where(type => type.IsValueType && constraint.IsAssignableFrom(type)).Select(type => choice.Append(type).ToArray()))];
            }

            foreach (Type[] arguments in choices)
                yield return arguments.Length == 0 ? method : method.MakeGenericMethod(arguments);
        }
    }
}
