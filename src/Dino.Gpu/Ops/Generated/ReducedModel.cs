using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Ops.Generated;

/// <summary>A model in a reduced precision on the CPU: its matrices, and the machine code that multiplies them.</summary>
internal sealed unsafe class ReducedModel : IDisposable
{
    /// <summary>Bytes before the workspace: the <see cref="ReducedPass"/> and the zeros that it points to.</summary>
    private const int HeadSize = 4096;

    private const int ZerosStart = 1024;
    private const int Alignment = 64;
    private const long PeakRounds = 500_000;

    private readonly ReducedWeights _matrices;
    private readonly TileSet _tiles;
    private readonly TileSet? _bfloat16;
    private readonly float[]? _valueFactors; // (layers, hidden), pinned

    /// <summary>Converts the matrices and generates the code.</summary>
    /// <param name="weights">The model, smoothed where products are in bytes; not kept.</param>
    /// <param name="kind">The arithmetic of the products.</param>
    /// <param name="bfloat16">Whether patch embedding and attention are in bfloat16.</param>
    /// <param name="amx">Whether products are those of AMX.</param>
    /// <param name="valueFactors">Those of <see cref="SmoothedWeights"/>; null where nothing is smoothed.</param>
    /// <param name="ways">See <see cref="ExecutableMemory.Create"/>.</param>
    /// <exception cref="DinoException">A head does not fit, or the system refuses executable memory.</exception>
    public ReducedModel(
        VitWeights weights, TileKind kind, bool bfloat16, bool amx, float[]? valueFactors = null, ExecutableMemory.Way[]? ways = null)
    {
        if (weights.Config.HeadSize % 2 != 0)
        {
            throw new DeviceException(
                $"bf16 and int8 on the CPU need heads of an even number of columns (found {weights.Config.HeadSize})",
                "use --precision fp32");
        }

        if (valueFactors != null)
        {
            _valueFactors = GC.AllocateUninitializedArray<float>(valueFactors.Length, pinned: true);
            valueFactors.CopyTo(_valueFactors, 0);
        }

        _tiles = new TileSet(kind, amx, ways);
        try
        {
            _bfloat16 = !bfloat16 ? null : kind == TileKind.BFloat16 ? _tiles : new TileSet(TileKind.BFloat16, amx, ways);
            _matrices = new ReducedWeights(weights, kind, _tiles.Tiles.StepUnit);
        }
        catch
        {
            _tiles.Dispose();
            _bfloat16?.Dispose();
            throw;
        }
    }

    /// <summary>Bytes that a pass needs beside the SIMD family's buffers.</summary>
    public long PassLength(in VitShape shape, in ForwardRequest request, int threads) =>
        HeadSize + new ReducedWorkspace(shape, request, threads, _tiles.Kind, _tiles.Tiles.StepUnit).Length + Alignment;

    /// <summary>Writes what the pass reads at the start of its memory.</summary>
    /// <param name="start"><see cref="PassLength"/> bytes.</param>
    /// <param name="shape">Of the pass.</param>
    /// <param name="request">Of the pass.</param>
    /// <param name="threads">Of the pass.</param>
    public void Begin(byte* start, in VitShape shape, in ForwardRequest request, int threads)
    {
        byte* aligned = (byte*)(((nuint)start + Alignment - 1) & ~(nuint)(Alignment - 1));
        new Span<byte>(aligned + ZerosStart, Gemm.BlockSize * sizeof(float)).Clear();
        *(ReducedPass*)start = new ReducedPass
        {
            Matrices = _matrices.Matrices,
            Tiles = _tiles.Tiles,
            BFloat16Tiles = _bfloat16?.Tiles ?? default,
            Zeros = (float*)(aligned + ZerosStart),
            ValueFactors = _valueFactors == null ? null : (float*)Unsafe.AsPointer(ref _valueFactors[0]),
            Workspace = aligned + HeadSize,
            Layout = new ReducedWorkspace(shape, request, threads, _tiles.Kind, _tiles.Tiles.StepUnit),
        };
    }

    /// <summary>Operations of one thread in <see cref="RunPeak"/>.</summary>
    public double PeakOperations => (double)PeakRounds * _tiles.PeakOperations;

    /// <summary>Runs nothing but products in registers, on some threads.</summary>
    public void RunPeak(int threads) =>
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ => _tiles.RunPeak(PeakRounds));

    public void Dispose()
    {
        _matrices.Dispose();
        _tiles.Dispose();
        if (_bfloat16 != _tiles)
            _bfloat16?.Dispose();
    }
}
