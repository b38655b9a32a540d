using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// An executor that calls the test before each launch, and if wanted before staging and finishing, with the number of
/// images; the test may throw.
/// </summary>
internal sealed class HookedExecutor(
    VitExecutor inner, Action<int> beforeLaunch, Action<int>? beforeStage = null, Action<int>? beforeFinish = null) : VitExecutor
{
    /// <summary>Times that activation memory was asked back.</summary>
    public int Releases { get; private set; }

    public override int SlotCount => inner.SlotCount;

    public override bool Resizes(Preprocessor preprocessor, int width, int height) => inner.Resizes(preprocessor, width, height);

    public override BatchSlot CreateSlot(Preprocessor preprocessor) =>
        new Slot(inner.CreateSlot(preprocessor), beforeLaunch, beforeStage, beforeFinish);

    public override double MeasurePeak() => inner.MeasurePeak();

    public override void ReleaseActivations()
    {
        Releases++;
        inner.ReleaseActivations();
    }

    public override void Dispose() => inner.Dispose();

    private sealed class Slot(BatchSlot inner, Action<int> beforeLaunch, Action<int>? beforeStage, Action<int>? beforeFinish) : BatchSlot
    {
        private int _count;

        public override void Stage(IReadOnlyList<RgbImage> images, int first, int count)
        {
            _count = count;
            beforeStage?.Invoke(count);
            inner.Stage(images, first, count);
        }

        public override void Launch(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output)
        {
            beforeLaunch(request.Batch);
            inner.Launch(tables, shape, request, output);
        }

        public override IReadOnlyList<OpTime> RunTimed(
            InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
            inner.RunTimed(tables, shape, request, output);

        public override void Finish()
        {
            beforeFinish?.Invoke(_count);
            inner.Finish();
        }

        public override void Abandon() => inner.Abandon();

        public override void Release() => inner.Release();

        public override void Dispose() => inner.Dispose();
    }
}
