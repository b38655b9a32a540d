using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Room for one batch on its way through an executor: its pixels where the kernels read them, its results where the host does. A batch is
/// staged, launched and finished, by one thread at a time; slots are staged and finished independently of each other, and only launches take turns.
/// Disposed before its executor.
/// </summary>
internal abstract class BatchSlot : IDisposable
{
    /// <summary>Brings pictures to where the kernels read them, and waits until they are there.</summary>
    /// <param name="images">Pictures of the input size, or such that the executor resizes (<see cref="VitExecutor.Resizes"/>).</param>
    /// <param name="first">First picture of the batch.</param>
    /// <param name="count">Pictures in the batch.</param>
    /// <exception cref="DeviceMemoryException">There is no room for them.</exception>
    public abstract void Stage(IReadOnlyList<RgbImage> images, int first, int count);

    /// <summary>Starts the forward pass over the staged batch.</summary>
    /// <param name="positions">(tokens, hidden): the position table at this input's grid. An executor may keep it, and knows it by reference.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size, that of the staged batch, and what to keep.</param>
    /// <param name="output">Allocated for the same shape and request; filled by <see cref="Finish"/>.</param>
    public abstract void Launch(float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    /// <summary>As <see cref="Launch"/> and <see cref="Finish"/>, telling the steps' times apart; a little slower, and on a GPU much slower, since every step is waited for.</summary>
    public abstract IReadOnlyList<OpTime> RunTimed(float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    /// <summary>Waits for the launched pass and fills its output.</summary>
    public abstract void Finish();

    /// <summary>Instead of <see cref="Finish"/> after a failure: waits until the device uses nothing of this slot any more, and makes it ready for another batch.</summary>
    public abstract void Abandon();

    /// <summary>Gives the memory back, where it can be; the next batch allocates again. Nothing may be under way.</summary>
    public abstract void Release();

    public abstract void Dispose();
}
