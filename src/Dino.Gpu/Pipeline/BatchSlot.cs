using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// The memory of one batch in an executor: its pixels where the kernels read them, and its results where the host reads
/// them. A batch is staged, launched and finished, by one thread at a time. Slots are staged and finished independently
/// of each other; only launches take turns. A slot is disposed before its executor.
/// </summary>
internal abstract class BatchSlot : IDisposable
{
    /// <summary>Copies pictures to where the kernels read them, and waits for the copy.</summary>
    /// <param name="images">
    /// Pictures of the input size, or of sizes that the executor resizes (<see cref="VitExecutor.Resizes"/>).
    /// </param>
    /// <param name="first">First picture of the batch.</param>
    /// <param name="count">Pictures in the batch.</param>
    /// <exception cref="DeviceMemoryException">There is no room for them.</exception>
    public abstract void Stage(IReadOnlyList<RgbImage> images, int first, int count);

    /// <summary>Starts the forward pass over the staged batch.</summary>
    /// <param name="tables">
    /// The tables at this input size. An executor may keep them; it recognizes them by reference.
    /// </param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">The batch size, which is that of the staged batch, and the outputs to keep.</param>
    /// <param name="output">Allocated for the same shape and request; filled by <see cref="Finish"/>.</param>
    public abstract void Launch(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    /// <summary>
    /// Does the work of <see cref="Launch"/> and <see cref="Finish"/>, and returns the time of each step. It is a
    /// little slower; on a GPU it is much slower, because the host waits for every step.
    /// </summary>
    public abstract IReadOnlyList<OpTime> RunTimed(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    /// <summary>Waits for the launched pass and fills its output.</summary>
    public abstract void Finish();

    /// <summary>
    /// Replaces <see cref="Finish"/> after a failure: waits until the device no longer uses the slot, and makes it
    /// ready for another batch.
    /// </summary>
    public abstract void Abandon();

    /// <summary>Frees what memory it can. The next batch allocates again. Nothing may be under way.</summary>
    public abstract void Release();

    public abstract void Dispose();
}
