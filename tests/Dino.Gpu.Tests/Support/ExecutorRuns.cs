using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>One batch of prepared pictures through an executor, in a slot of its own.</summary>
internal static class ExecutorRuns
{
    /// <param name="executor">The model on its device.</param>
    /// <param name="pixels">(images, height, width, 3) of the shape's pictures</param>
    /// <param name="tables">Those of this input size.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and what to keep.</param>
    /// <param name="output">Allocated for the same shape and request.</param>
    public static void Run(
        this VitExecutor executor,
        ReadOnlySpan<byte> pixels,
        InputTables tables,
        in VitShape shape,
        in ForwardRequest request,
        ForwardOutput output)
    {
        using BatchSlot slot = Stage(executor, pixels, shape, request);
        slot.Launch(tables, shape, request, output);
        slot.Finish();
    }

    /// <inheritdoc cref="Run"/>
    public static IReadOnlyList<OpTime> RunTimed(
        this VitExecutor executor, ReadOnlySpan<byte> pixels, InputTables tables, in VitShape shape,
        in ForwardRequest request, ForwardOutput output)
    {
        using BatchSlot slot = Stage(executor, pixels, shape, request);
        return slot.RunTimed(tables, shape, request, output);
    }

    private static BatchSlot Stage(VitExecutor executor, ReadOnlySpan<byte> pixels, in VitShape shape, in ForwardRequest request)
    {
        var images = new RgbImage[request.Batch];
        int length = pixels.Length / images.Length;
        for (int i = 0; i < images.Length; i++)
            images[i] = new RgbImage(shape.PictureWidth, shape.PictureHeight, pixels.Slice(i * length, length).ToArray());
        BatchSlot slot = executor.CreateSlot(new Preprocessor(PreprocessPreset.HuggingFace, shape.PictureWidth, shape.PictureHeight));
        slot.Stage(images, 0, images.Length);
        return slot;
    }
}
