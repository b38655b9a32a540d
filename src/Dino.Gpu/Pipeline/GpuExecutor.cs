using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Runs the model with kernels that each take the whole batch. The host walks through the forward pass and queues a
/// launch for every operation on the accelerator's default stream, without waiting in between. Each batch has a slot
/// with its own stream, which uploads and resizes it while the previous batch computes.
/// </summary>
/// <remarks>
/// The host keeps the order between the streams. It launches a batch after it has waited for its upload, and it reuses
/// a slot after it has waited for the pass that reads it. On CUDA the slots' streams do not synchronize with the
/// default stream by themselves, as ILGPU creates them.
/// </remarks>
/// <param name="accelerator">The accelerator. The caller owns it, and it must outlive the executor.</param>
internal abstract class GpuExecutor<TOps>(Accelerator accelerator) : VitExecutor
    where TOps : struct, IVitOps
{
    private readonly ResizeKernels _resizeKernels = new(accelerator);

    /// <summary>One batch computes and one is staged.</summary>
    public const int Slots = 2;

    public override int SlotCount => Slots;

    protected Accelerator Accelerator => accelerator;

    /// <summary>The activations. All passes share them, because they run one after another on one stream.</summary>
    protected abstract DeviceActivations Activations { get; }

    public override bool Resizes(Preprocessor preprocessor, int width, int height) => DevicePreprocessor.Takes(preprocessor, width, height);

    public override BatchSlot CreateSlot(Preprocessor preprocessor) =>
        new Slot(this, new DevicePreprocessor(accelerator, _resizeKernels, preprocessor));

    public override void ReleaseActivations()
    {
        accelerator.Synchronize(); // another batch may still be computing
        Activations.Release();
    }

    /// <summary>Makes room for a pass and returns its operations.</summary>
    /// <param name="input">The inputs of the pass.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and the outputs to keep.</param>
    /// <param name="output">Receives the outputs.</param>
    protected abstract TOps Prepare(in PassInput input, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    private sealed class Slot(GpuExecutor<TOps> executor, DevicePreprocessor preprocessor) : BatchSlot
    {
        private readonly AcceleratorStream _compute = executor.Accelerator.DefaultStream;
        private readonly GrowingBuffer<byte> _pixels = new(executor.Accelerator);
        private readonly PinnedTransfers _results = new(executor.Accelerator.DefaultStream);
        private readonly StreamMark _launched = new(executor.Accelerator.DefaultStream);
        private ArrayView<byte> _staged; // (images, height, width, 3)

        public override void Stage(IReadOnlyList<RgbImage> images, int first, int count)
        {
            _staged = _pixels.Reserve((long)count * preprocessor.OutputLength);
            preprocessor.Apply(images, first, count, _staged);
        }

        public override void Launch(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output)
        {
            TOps ops = executor.Prepare(new PassInput(_staged, preprocessor.HasFractions, tables, _results), shape, request, output);
            ForwardPass.Tokens(ref ops, shape, request);
            ForwardPass.ClassTail(ref ops, shape, request);
            _launched.Set();
        }

        public override unsafe IReadOnlyList<OpTime> RunTimed(
            InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output)
        {
            long* ticks = stackalloc long[OpCount];
            TOps inner = executor.Prepare(new PassInput(_staged, preprocessor.HasFractions, tables, _results), shape, request, output);
            var ops = new TimedOps<TOps>(inner, ticks);
            ops.Synchronize();
            ForwardPass.Tokens(ref ops, shape, request);
            ForwardPass.ClassTail(ref ops, shape, request);
            _results.Complete();
            return OpTimes(new ReadOnlySpan<long>(ticks, OpCount), 1, shape, request);
        }

        public override void Finish()
        {
            _launched.Wait();
            _results.Complete();
        }

        public override void Abandon()
        {
            preprocessor.Abandon();
            try
            {
                _compute.Synchronize();
            }
            catch (Exception failure) when (failure is AcceleratorException)
            {
                // A device that reports an error has stopped. The exception that led here has the reason.
            }

            _results.Forget();
        }

        public override void Release()
        {
            _pixels.Release();
            _results.Release();
            preprocessor.Release();
        }

        public override void Dispose() => DeviceResources.Free(_pixels, _results, _launched, preprocessor);
    }
}
