using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// Copies between arrays and a device through page-locked host memory, so that a stream makes the copies without the
/// host. An upload copies its array at once. A download fills its array in <see cref="Complete"/>. The host memory
/// grows to the size that a batch needs, up to a limit. Beyond the limit the host waits for the stream and reuses the
/// memory. Not thread-safe.
/// </summary>
/// <param name="stream">The stream that makes the copies. The caller owns it.</param>
/// <param name="limit">The most bytes of host memory.</param>
internal sealed unsafe class PinnedTransfers(AcceleratorStream stream, int limit = PinnedTransfers.DefaultLimit) : IDisposable
{
    /// <summary>
    /// Room for 256 prepared pictures of 224x224 (37 MiB), or for all outputs of a few pictures. A copy engine gains
    /// nothing from larger pieces.
    /// </summary>
    public const int DefaultLimit = 64 << 20;

    /// <summary>
    /// The alignment of the host memory. Locking works on whole pages, which must not be shared with other memory. Page
    /// sizes are powers of two up to this.
    /// </summary>
    private const int Alignment = 64 << 10;

    /// <summary>The alignment of each copy: enough for any element.</summary>
    private const int PieceAlignment = 64;

    private readonly List<Download> _downloads = [];
    private byte* _memory;
    private int _length;
    private int _used;
    private PageLockScope<byte>? _lock;

    /// <summary>Copies host values to the device. The host values may change when this returns.</summary>
    /// <param name="source">The values.</param>
    /// <param name="target">As many values on the device.</param>
    public void Upload<T>(ReadOnlySpan<T> source, ArrayView<T> target)
        where T : unmanaged
    {
        for (int done = 0; done < source.Length;)
        {
            int count = Math.Min(source.Length - done, limit / sizeof(T));
            byte* piece = Claim(count * sizeof(T));
            source.Slice(done, count).CopyTo(new Span<T>(piece, count));
            using CPUMemoryBuffer host = Wrap<T>(piece, count);
            target.SubView(done, count).CopyFrom(stream, host.AsArrayView<T>(0, count));
            done += count;
        }
    }

    /// <summary>
    /// Copies device values to the host. They arrive in <see cref="Complete"/>, or earlier if the memory runs out.
    /// </summary>
    /// <param name="source">The values on the device.</param>
    /// <param name="target">The array that receives them.</param>
    /// <param name="start">The place of the first value.</param>
    public void Read(ArrayView<float> source, float[] target, long start)
    {
        for (long done = 0; done < source.Length;)
        {
            int count = (int)Math.Min(source.Length - done, limit / sizeof(float));
            byte* piece = Claim(count * sizeof(float));
            using CPUMemoryBuffer host = Wrap<float>(piece, count);
            source.SubView(done, count).CopyTo(stream, host.AsArrayView<float>(0, count));
            _downloads.Add(new Download((int)(piece - _memory), target, checked((int)(start + done)), count));
            done += count;
        }
    }

    /// <summary>
    /// Fills the arrays of the downloads and reuses the host memory for new copies. The caller must have waited for the
    /// stream, so that all copies are done.
    /// </summary>
    public void Complete()
    {
        foreach (Download download in _downloads)
            new ReadOnlySpan<float>(_memory + download.Offset, download.Count).CopyTo(download.Target.AsSpan(download.Start));
        Forget();
    }

    /// <summary>Drops the downloads after a pass that failed. All copies must be done.</summary>
    public void Forget()
    {
        _downloads.Clear();
        _used = 0;
    }

    /// <summary>Frees the memory. The next copy allocates again. All copies must be done.</summary>
    public void Release()
    {
        Forget();
        DeviceResources.Free(_lock);
        _lock = null;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }

    public void Dispose() => Release();

    private CPUMemoryBuffer Wrap<T>(byte* piece, int count)
        where T : unmanaged => CPUMemoryBuffer.Create(stream.Accelerator, (nint)piece, count, Unsafe.SizeOf<T>());

    /// <summary>Returns host memory that no queued copy uses.</summary>
    private byte* Claim(int length)
    {
        length = checked(length + PieceAlignment - 1) & -PieceAlignment;
        if (_used + length > _length)
        {
            stream.Synchronize();
            Complete();
            int wanted = (int)Math.Max(length, Math.Min(2L * _length, limit));
            if (wanted > _length)
                Allocate(wanted);
        }

        byte* piece = _memory + _used;
        _used += length;
        return piece;
    }

    private void Allocate(int length)
    {
        Release();
        length = checked(length + Alignment - 1) & -Alignment;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, Alignment);
        _length = length;
        try
        {
            // ILGPU locks pages in the current context of the thread. Without a context the memory would stay unlocked,
            // without an error.
            using ScopedAcceleratorBinding binding = stream.BindScoped();
            _lock = stream.Accelerator.CreatePageLockFromPinned<byte>((nint)_memory, length);
        }
        catch (CudaException)
        {
            // The system may have no more pages to lock. Unlocked memory works too, only slower: the driver then copies
            // once more.
        }
    }

    private readonly record struct Download(int Offset, float[] Target, int Start, int Count);
}
