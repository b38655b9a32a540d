using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>The work of one launch. Plain values: a kernel takes it as a parameter.</summary>
internal readonly struct SimdPlan
{
    public SimdPlan(
        VitShape shape, ForwardRequest request, WeightLayout weights, WorkspaceLayout workspace, int threads, bool timed, bool fractions)
    {
        Shape = shape;
        Request = request;
        Weights = weights;
        Workspace = workspace;
        Threads = threads;
        Timed = timed ? 1 : 0;
        HasFractions = fractions ? 1 : 0;
    }

    public VitShape Shape { get; }

    public ForwardRequest Request { get; }

    public WeightLayout Weights { get; }

    public WorkspaceLayout Workspace { get; }

    /// <summary>Groups of the launch, one thread each.</summary>
    public int Threads { get; }

    /// <summary>1 if the steps are timed. An int, because kernels take no bool.</summary>
    public int Timed { get; }

    /// <summary>1 if the pixels are normalized floats, 0 if they are bytes.</summary>
    public int HasFractions { get; }
}
