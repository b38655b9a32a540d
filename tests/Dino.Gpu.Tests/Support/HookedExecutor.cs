using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Tests.Support;

/// <summary>An executor that calls the test before each batch; the test may throw.</summary>
internal sealed class HookedExecutor(VitExecutor inner, Action<int> beforeBatch) : VitExecutor
{
    /// <summary>Times that activation memory was asked back.</summary>
    public int Releases { get; private set; }

    public override void Run(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        beforeBatch(request.Batch);
        inner.Run(pixels, positions, shape, request, output);
    }

    public override IReadOnlyList<OpTime> RunTimed(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
        inner.RunTimed(pixels, positions, shape, request, output);

    public override double MeasurePeak() => inner.MeasurePeak();

    public override void ReleaseActivations()
    {
        Releases++;
        inner.ReleaseActivations();
    }

    public override void Dispose() => inner.Dispose();
}
