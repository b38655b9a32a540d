using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// A kernel with its arguments and a piece of memory, run without a driver and without ILGPU's launcher.
/// See <see cref="Launch"/>.
/// </summary>
internal sealed class PtxMachine : IDisposable
{
    private readonly PtxKernel _kernel;
    private readonly byte[] _arguments;
    private readonly DeviceMemory _memory = new();
    private readonly DeviceAllocation _global;

    /// <param name="program">The kernel.</param>
    /// <param name="global">What the memory holds.</param>
    /// <param name="defined">Bytes at its start that count as written; null for all.</param>
    public PtxMachine(PtxProgram program, byte[] global, int? defined = null)
    {
        _kernel = new PtxKernel(program);
        _arguments = new byte[program.ParameterSize];
        _global = _memory.Allocate(global.Length);
        Marshal.Copy(global, 0, (nint)_global.Start, global.Length);
        if (defined != 0)
            _global.Mark(0, defined ?? global.Length, true);
    }

    public EmulatorOptions Options { get; init; } = new();

    /// <summary>Sets a parameter, or part of one, to a place in the memory.</summary>
    public void SetAddress(int parameter, int place, int offset = 0) => Set(parameter, offset, _global.Start + place);

    /// <summary>Sets a parameter, or part of one.</summary>
    public void Set<T>(int parameter, int offset, T value)
        where T : unmanaged
    {
        Assert.True(offset + Marshal.SizeOf<T>() <= _kernel.Program.ParameterSizes[parameter]);
        MemoryMarshal.Write(_arguments.AsSpan(_kernel.Program.ParameterOffsets[parameter] + offset), value);
    }

    /// <summary>Runs a grid of thread groups.</summary>
    /// <param name="grid">Groups.</param>
    /// <param name="group">Threads of each.</param>
    /// <param name="dynamicShared">Bytes of shared memory beside those that the kernel declares.</param>
    public void Run((int X, int Y, int Z) grid, (int X, int Y, int Z) group, int dynamicShared = 0)
    {
        _kernel.MostShared = Math.Max(Launch.UsualShared, dynamicShared);
        new Launch(_kernel, _memory, _arguments, Options, dynamicShared).Run(grid, group);
    }

    /// <summary>Copies the memory back.</summary>
    public void Read(byte[] global) => Marshal.Copy((nint)_global.Start, global, 0, global.Length);

    public void Dispose() => _memory.Dispose();
}
