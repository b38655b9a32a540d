using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Benchmarks.Kernels;

/// <summary>Memory for one kernel, filled with small random numbers and aligned to cache lines.</summary>
public abstract unsafe class SimdKernelBenchmark
{
    private readonly List<nint> _allocated = [];

    internal float* Allocate(long count)
    {
        var memory = (float*)NativeMemory.AlignedAlloc((nuint)(count + 1024) * sizeof(float), 64);
        _allocated.Add((nint)memory);
        var random = new Random(1);
        for (long i = 0; i < count + 1024; i++)
            memory[i] = (float)random.NextDouble() - 0.5f;
        return memory;
    }

    [GlobalCleanup]
    public void Free()
    {
        foreach (nint memory in _allocated)
            NativeMemory.AlignedFree((void*)memory);
        _allocated.Clear();
    }
}

/// <summary>C = A B + bias at the model's shapes, one block of 384 inputs, on one thread.</summary>
public unsafe class GemmBenchmarks : SimdKernelBenchmark
{
    private float* _a, _b, _bias, _c;

    [ParamsSource(nameof(Cases))]
    public KernelCase Case { get; set; } = null!;

    public static IEnumerable<KernelCase> Cases =>
        from width in KernelCase.Widths
        from shape in new (int M, int N, int K)[] { (197, 384, 384), (32, 384, 384), (1, 384, 384), (197, 224, 64) }
        select new KernelCase(
            $"M {shape.M}, N {shape.N}, K {shape.K}", width, 2L * shape.M * shape.N * shape.K, 0, [shape.M, shape.N, shape.K]);

    [GlobalSetup]
    public void Setup()
    {
        _a = Allocate(Case.Sizes[0] * Gemm.BlockSize);
        _b = Allocate(Gemm.BlockSize * Gemm.BlockSize);
        _bias = Allocate(Gemm.BlockSize);
        _c = Allocate(Case.Sizes[0] * Gemm.BlockSize);
    }

    [Benchmark]
    public void Multiply()
    {
        int panels = Case.Sizes[1] / (2 * Case.Width);
        switch (Case.Width)
        {
            case 16: Gemm.Multiply<Float16>(_a, _b, _bias, _c, Case.Sizes[0], Case.Sizes[2], panels, false, false); break;
            case 8: Gemm.Multiply<Float8>(_a, _b, _bias, _c, Case.Sizes[0], Case.Sizes[2], panels, false, false); break;
            default: Gemm.Multiply<Float4>(_a, _b, _bias, _c, Case.Sizes[0], Case.Sizes[2], panels, false, false); break;
        }
    }
}

/// <summary>One head of attention over one image, packing and softmax included, on one thread.</summary>
public unsafe class AttentionBenchmarks : SimdKernelBenchmark
{
    private float* _qkv, _context, _scratch;

    [ParamsSource(nameof(Cases))]
    public KernelCase Case { get; set; } = null!;

    public static IEnumerable<KernelCase> Cases =>
        from width in KernelCase.Widths
        from tokens in new[] { 197, 785 }
        select new KernelCase($"{tokens} tokens, head 64", width, 4L * tokens * tokens * 64, 0, [tokens, 64]);

    [GlobalSetup]
    public void Setup()
    {
        _qkv = Allocate(3L * Case.Sizes[0] * Gemm.BlockSize);
        _context = Allocate(Case.Sizes[0] * 64);
        _scratch = Allocate(Attention.ScratchSize(Case.Sizes[0], 64, 2 * Case.Width, 14));
    }

    [Benchmark]
    public void Head()
    {
        int tokens = Case.Sizes[0];
        float* key = _qkv + (nint)tokens * Gemm.BlockSize;
        float* value = key + (nint)tokens * Gemm.BlockSize;
        switch (Case.Width)
        {
            case 16: Attention.Head<Float16>(_qkv, key, value, _context, 64, 0, tokens, tokens, 64, _scratch); break;
            case 8: Attention.Head<Float8>(_qkv, key, value, _context, 64, 0, tokens, tokens, 64, _scratch); break;
            default: Attention.Head<Float4>(_qkv, key, value, _context, 64, 0, tokens, tokens, 64, _scratch); break;
        }
    }
}

/// <summary>LayerNorm and GELU over the rows of one image, on one thread.</summary>
public unsafe class RowBenchmarks : SimdKernelBenchmark
{
    private const int Tokens = 197;
    private float* _x, _weight, _y;

    [ParamsSource(nameof(Cases))]
    public KernelCase Case { get; set; } = null!;

    public static IEnumerable<KernelCase> Cases =>
        from width in KernelCase.Widths
        select new KernelCase($"{Tokens} x {Gemm.BlockSize}", width, 0, 2L * Tokens * Gemm.BlockSize * sizeof(float), []);

    [GlobalSetup]
    public void Setup()
    {
        _x = Allocate(Tokens * Gemm.BlockSize);
        _weight = Allocate(Gemm.BlockSize);
        _y = Allocate(Tokens * Gemm.BlockSize);
    }

    [Benchmark]
    public void Norm()
    {
        for (int row = 0; row < Tokens; row++)
        {
            float* x = _x + row * Gemm.BlockSize;
            float* y = _y + row * Gemm.BlockSize;
            switch (Case.Width)
            {
                case 16: LayerNorm.Row<Float16>(x, Gemm.BlockSize, _weight, _weight, y, Gemm.BlockSize, Gemm.BlockSize, 1e-12f); break;
                case 8: LayerNorm.Row<Float8>(x, Gemm.BlockSize, _weight, _weight, y, Gemm.BlockSize, Gemm.BlockSize, 1e-12f); break;
                default: LayerNorm.Row<Float4>(x, Gemm.BlockSize, _weight, _weight, y, Gemm.BlockSize, Gemm.BlockSize, 1e-12f); break;
            }
        }
    }

    [Benchmark]
    public void GeluInPlace()
    {
        switch (Case.Width)
        {
            case 16: Gelu.Apply<Float16>(_x, Tokens, Gemm.BlockSize); break;
            case 8: Gelu.Apply<Float8>(_x, Tokens, Gemm.BlockSize); break;
            default: Gelu.Apply<Float4>(_x, Tokens, Gemm.BlockSize); break;
        }
    }
}
