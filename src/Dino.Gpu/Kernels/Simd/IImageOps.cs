using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>Operations that <see cref="SimdForward"/> can run: made for one image, or for the class-token rows of the batch.</summary>
internal interface IImageOps<TSelf> : IVitOps
    where TSelf : struct, IImageOps<TSelf>
{
    /// <summary>Operations on one image.</summary>
    /// <param name="plan">What the launch does.</param>
    /// <param name="buffers">The memory of the launch.</param>
    /// <param name="team">The threads that share the image.</param>
    /// <param name="image">Number of the image in the batch.</param>
    /// <param name="owner">Thread whose workspace holds the image.</param>
    /// <param name="thread">This thread: its scratch memory is used.</param>
    static abstract TSelf ForImage(in SimdPlan plan, in SimdBuffers buffers, Team team, int image, int owner, int thread);

    /// <summary>Operations on the class-token rows of the batch, which all threads share.</summary>
    /// <param name="plan">What the launch does.</param>
    /// <param name="buffers">The memory of the launch.</param>
    /// <param name="team">All threads.</param>
    /// <param name="thread">This thread.</param>
    static abstract TSelf ForTail(in SimdPlan plan, in SimdBuffers buffers, Team team, int thread);
}
