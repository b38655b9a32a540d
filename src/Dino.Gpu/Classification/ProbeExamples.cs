using System.Buffers;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Dino.Gpu.Classification;

/// <summary>Owns examples on a device, and the memory for their outcomes.</summary>
internal sealed class ProbeExamples : IDisposable
{
    private readonly MemoryHandle _pin;
    private readonly MemoryBuffer _values;

    /// <summary>Copies the values to a GPU. On the CPU device it pins them where they are.</summary>
    /// <param name="accelerator">The caller owns it.</param>
    /// <param name="values">(count, dimension); must not change while the examples are in use.</param>
    /// <param name="labels">(count)</param>
    public unsafe ProbeExamples(Accelerator accelerator, ReadOnlyMemory<float> values, ReadOnlySpan<int> labels)
    {
        if (accelerator is CPUAccelerator)
        {
            _pin = values.Pin();
            CPUMemoryBuffer pinned = CPUMemoryBuffer.Create(accelerator, (nint)_pin.Pointer, values.Length, sizeof(float));
            _values = pinned;
            Values = pinned.AsArrayView<float>(0, values.Length);
        }
        else
        {
            MemoryBuffer1D<float, Stride1D.Dense> buffer = accelerator.Allocate1D<float>(values.Length);
            _values = buffer;
            fixed (float* source = values.Span)
            {
                using CPUMemoryBuffer host = CPUMemoryBuffer.Create(accelerator, (nint)source, values.Length, sizeof(float));
                buffer.View.AsContiguous().CopyFrom(host.AsArrayView<float>(0, values.Length));
                accelerator.Synchronize();
            }

            Values = buffer.View;
        }

        Count = labels.Length;
        Labels = accelerator.Allocate1D(labels.ToArray());
        Order = accelerator.Allocate1D<int>(Count);
        Outcomes = accelerator.Allocate1D<float>((long)Count * ProbeStep.OutcomeLength);
    }

    public int Count { get; }

    /// <summary>(count, dimension)</summary>
    public ArrayView<float> Values { get; }

    /// <summary>(count)</summary>
    public MemoryBuffer1D<int, Stride1D.Dense> Labels { get; }

    /// <summary>(count): the examples in the order of training.</summary>
    public MemoryBuffer1D<int, Stride1D.Dense> Order { get; }

    /// <summary>
    /// (count, 3): the sum of exp(logit - max); max minus the logit of the example's class; and the number of classes
    /// ahead of that class.
    /// </summary>
    public MemoryBuffer1D<float, Stride1D.Dense> Outcomes { get; }

    public void Dispose()
    {
        DeviceResources.Free(Outcomes, Order, Labels, _values);
        _pin.Dispose();
    }
}
