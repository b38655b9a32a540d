using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// The tiles of bytes as IL around <c>AvxVnni.V512</c>, which .NET 11 has and .NET 10 has not: the runtime compiles them, and
/// they need no executable memory of ours. The instruction is found by name, since the library is built for .NET 10. Sums
/// are exact and their scaling takes the steps of <see cref="TileGenerator"/>, so results have the same bytes. Made once for
/// the process.
/// </summary>
internal static unsafe class EmittedTiles
{
    /// <summary>Bytes of the sums of a tile.</summary>
    public const int SumsSize = TileGenerator.MaxRows * TileGenerator.StepBytes;

    /// <summary>Steps that the prefetch runs ahead, as in the generated tiles.</summary>
    private const int PrefetchSteps = 24;

    private static readonly MethodInfo? Product = Find();
    private static readonly Lazy<TileMethod[]> Methods = new(Emit);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void TileMethod(TileArguments* arguments);

    /// <summary>Whether this runtime has the instruction, and the processor too.</summary>
    public static bool AreThere => RuntimeFeature.IsDynamicCodeSupported && Product != null;

    /// <summary>Addresses in the order of <see cref="Tiles.Entries"/>, and behind them that of the loop of nothing but products.</summary>
    public static nint[] Entries => [.. Methods.Value.Select(Marshal.GetFunctionPointerForDelegate)];

    private static MethodInfo? Find()
    {
        Type? vectors = typeof(AvxVnni).GetNestedType("V512");
        return vectors?.GetProperty("IsSupported")?.GetValue(null) is true && Avx512F.IsSupported
            ? vectors.GetMethod("MultiplyWideningAndAdd", [typeof(Vector512<int>), typeof(Vector512<byte>), typeof(Vector512<sbyte>)])
            : null;
    }

    private static TileMethod[] Emit()
    {
        var methods = new TileMethod[2 * (TileGenerator.MaxRows + 1) + 1];
        Array.Fill(methods, Tile(1, accumulate: false)); // no tile has no rows
        for (int rows = 1; rows <= TileGenerator.MaxRows; rows++)
        {
            methods[2 * rows] = Tile(rows, accumulate: false);
            methods[2 * rows + 1] = Tile(rows, accumulate: true);
        }

        methods[^1] = Peak();
        return methods;
    }

    /// <summary>The sums of all k go to <see cref="TileArguments.Sums"/>, and <see cref="Finish"/> makes C of them.</summary>
    private static TileMethod Tile(int rows, bool accumulate)
    {
        (DynamicMethod method, ILGenerator il) = Begin($"Tile{rows}");
        LocalBuilder[] sums = Sums(il, 2 * rows);
        LocalBuilder a = Load(il, nameof(TileArguments.A)), b = Load(il, nameof(TileArguments.B));
        LocalBuilder end = il.DeclareLocal(typeof(nint));
        Field(il, nameof(TileArguments.Steps));
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ldc_I4_4);
        il.Emit(OpCodes.Mul);
        il.Emit(OpCodes.Ldloc, a);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, end);
        LocalBuilder left = il.DeclareLocal(typeof(Vector512<sbyte>)), right = il.DeclareLocal(typeof(Vector512<sbyte>));
        LocalBuilder value = il.DeclareLocal(typeof(Vector512<byte>));

        Label loop = il.DefineLabel();
        il.MarkLabel(loop);
        for (int half = 0; half < 2; half++)
        {
            Address(il, b, PrefetchSteps * TileGenerator.StepBytes + 64 * half);
            il.Emit(OpCodes.Call, typeof(Sse).GetMethod(nameof(Sse.Prefetch0))!);
            Address(il, b, 64 * half);
            il.Emit(OpCodes.Call, Own(nameof(LoadWeights)));
            il.Emit(OpCodes.Stloc, half == 0 ? left : right);
        }

        for (int row = 0; row < rows; row++)
        {
            Address(il, a, row * Gemm.BlockSize);
            il.Emit(OpCodes.Call, Own(nameof(Spread)));
            il.Emit(OpCodes.Stloc, value);
            Multiply(il, sums[2 * row], value, left);
            Multiply(il, sums[2 * row + 1], value, right);
        }

        Address(il, b, TileGenerator.StepBytes);
        il.Emit(OpCodes.Stloc, b);
        Address(il, a, 4);
        il.Emit(OpCodes.Stloc, a);
        il.Emit(OpCodes.Ldloc, a);
        il.Emit(OpCodes.Ldloc, end);
        il.Emit(OpCodes.Blt_Un, loop);

        Store(il, sums);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4, rows);
        il.Emit(accumulate ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Call, Own(nameof(Finish)));
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<TileMethod>();
    }

    /// <summary>As <see cref="TileGenerator.Peak"/>.</summary>
    private static TileMethod Peak()
    {
        (DynamicMethod method, ILGenerator il) = Begin("Peak");
        LocalBuilder[] sums = Sums(il, 2 * TileGenerator.MaxRows);
        LocalBuilder weights = il.DeclareLocal(typeof(Vector512<sbyte>)), value = il.DeclareLocal(typeof(Vector512<byte>));
        LocalBuilder left = il.DeclareLocal(typeof(long));
        Field(il, nameof(TileArguments.Steps));
        il.Emit(OpCodes.Stloc, left);
        Label loop = il.DefineLabel();
        il.MarkLabel(loop);
        foreach (LocalBuilder sum in sums)
            Multiply(il, sum, value, weights);
        il.Emit(OpCodes.Ldloc, left);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Conv_I8);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Stloc, left);
        il.Emit(OpCodes.Ldloc, left);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Conv_I8);
        il.Emit(OpCodes.Bgt, loop);
        Store(il, sums);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<TileMethod>();
    }

    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "AreThere asks whether code can be made at run time.")]
    private static (DynamicMethod Method, ILGenerator Il) Begin(string name)
    {
        var method = new DynamicMethod(name, typeof(void), [typeof(TileArguments*)], typeof(EmittedTiles).Module, skipVisibility: true);
        return (method, method.GetILGenerator());
    }

    /// <summary>Locals that begin as zeros.</summary>
    private static LocalBuilder[] Sums(ILGenerator il, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => il.DeclareLocal(typeof(Vector512<int>)))];

    private static void Multiply(ILGenerator il, LocalBuilder sum, LocalBuilder value, LocalBuilder weights)
    {
        il.Emit(OpCodes.Ldloc, sum);
        il.Emit(OpCodes.Ldloc, value);
        il.Emit(OpCodes.Ldloc, weights);
        il.Emit(OpCodes.Call, Product!);
        il.Emit(OpCodes.Stloc, sum);
    }

    private static void Store(ILGenerator il, LocalBuilder[] sums)
    {
        LocalBuilder to = Load(il, nameof(TileArguments.Sums));
        for (int i = 0; i < sums.Length; i++)
        {
            il.Emit(OpCodes.Ldloc, sums[i]);
            Address(il, to, i * Vector512<byte>.Count);
            il.Emit(OpCodes.Call, Own(nameof(StoreSum)));
        }
    }

    private static void Field(ILGenerator il, string name)
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldfld, typeof(TileArguments).GetField(name)!);
    }

    private static LocalBuilder Load(ILGenerator il, string field)
    {
        LocalBuilder pointer = il.DeclareLocal(typeof(nint));
        Field(il, field);
        il.Emit(OpCodes.Stloc, pointer);
        return pointer;
    }

    private static void Address(ILGenerator il, LocalBuilder pointer, int offset)
    {
        il.Emit(OpCodes.Ldloc, pointer);
        if (offset == 0)
            return;
        il.Emit(OpCodes.Ldc_I4, offset);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Add);
    }

    private static MethodInfo Own(string name) => typeof(EmittedTiles).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> LoadWeights(nint address) => Vector512.Load((sbyte*)address);

    /// <summary>Four bytes of A, spread over a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Spread(nint address) => Vector512.Create(*(uint*)address).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreSum(Vector512<int> sum, nint address) => sum.Store((int*)address);

    /// <summary>Scales the sums, adds the bias and stores: the steps and roundings of the generated tiles.</summary>
    private static void Finish(TileArguments* arguments, int rows, bool accumulate)
    {
        for (int half = 0; half < 2; half++)
        {
            int column = half * Vector512<float>.Count;
            Vector512<float> scale = Vector512.Load(arguments->Scale + column);
            Vector512<float> zeroSum = Vector512.Load(arguments->ZeroSum + column);
            Vector512<float> bias = Vector512.Load(arguments->Bias + column);
            for (int row = 0; row < rows; row++)
            {
                var sums = Vector512.Load((int*)(arguments->Sums + row * TileGenerator.StepBytes) + column);
                Vector512<float> value = Avx512F.ConvertToVector512Single(sums) * scale;
                value = Avx512F.FusedMultiplyAddNegated(zeroSum, Vector512.Create(arguments->RowZero[row]), value);
                value = Avx512F.FusedMultiplyAdd(value, Vector512.Create(arguments->RowScale[row]), bias);
                float* c = arguments->C + row * Gemm.BlockSize + column;
                (accumulate ? value + Vector512.Load(c) : value).Store(c);
            }
        }
    }
}
