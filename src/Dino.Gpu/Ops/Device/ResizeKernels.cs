using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// The kernels of <see cref="Resize"/> on one accelerator, compiled at first use. Thread-safe: launches take turns,
/// because an OpenCL kernel holds the arguments of its next launch.
/// </summary>
/// <param name="accelerator">The accelerator; the caller owns it.</param>
internal sealed class ResizeKernels(Accelerator accelerator)
{
    private const int GroupSize = 256;

    private readonly Lock _turn = new();

    private readonly Lazy<Action<AcceleratorStream, Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>> _rows =
        new(() => accelerator.LoadImplicitlyGroupedKernel<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>(
            Resize.RowsKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup)));

    private readonly Lazy<Action<AcceleratorStream, Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>> _columns =
        new(() => accelerator.LoadImplicitlyGroupedKernel<Index1D, ArrayView<byte>, ArrayView<int>, ResizePass, ArrayView<byte>>(
            Resize.ColumnsKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup)));

    private readonly Lazy<Action<AcceleratorStream, Index1D, ArrayView<byte>, ResizePass, ArrayView<byte>>> _crop =
        new(() => accelerator.LoadImplicitlyGroupedKernel<Index1D, ArrayView<byte>, ResizePass, ArrayView<byte>>(
            Resize.CropKernel, Math.Min(GroupSize, accelerator.MaxNumThreadsPerGroup)));

    /// <summary>Launches <see cref="Resize.RowsKernel"/> for <paramref name="length"/> bytes of output.</summary>
    public void Rows(
        AcceleratorStream stream, int length, ArrayView<byte> source, ArrayView<int> table, ResizePass pass, ArrayView<byte> destination)
    {
        lock (_turn)
            _rows.Value(stream, length, source, table, pass, destination);
    }

    /// <summary>Launches <see cref="Resize.ColumnsKernel"/> for <paramref name="length"/> bytes of output.</summary>
    public void Columns(
        AcceleratorStream stream, int length, ArrayView<byte> source, ArrayView<int> table, ResizePass pass, ArrayView<byte> destination)
    {
        lock (_turn)
            _columns.Value(stream, length, source, table, pass, destination);
    }

    /// <summary>Launches <see cref="Resize.CropKernel"/> for <paramref name="length"/> bytes of output.</summary>
    public void Crop(AcceleratorStream stream, int length, ArrayView<byte> source, ResizePass pass, ArrayView<byte> destination)
    {
        lock (_turn)
            _crop.Value(stream, length, source, pass, destination);
    }
}
